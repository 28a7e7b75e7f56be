"""Run pipelines of Magnus and runnable on both engines, and compare states, parameters and files with the prediction.

``make property N=500`` runs many random graphs, different ones each time; CI always runs the same few.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import Phase, given, settings

from tests.controlflow.build import case, graph
from tests.controlflow.random import written_to
from tests.controlflow.run import differences, predict
from tests.controlflow.table import CASES, DIFFERENT, GIVEN, RUNNABLE
from tests.oracle import engines as real
from tests.oracle.controlflow import cases, leaks, statuses
from tests.parity.engines import run_pipeline
from translator.history.records import nodes
from translator.shim.json_values import thawed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.controlflow.run import Case
    from tests.oracle.controlflow import Case as Drawn
    from tests.parity.engines import Engine

EXAMPLES = os.environ.get("TRANSLATOR_PROPERTY_EXAMPLES")
_numbers = itertools.count(1)


def check(engines: list[Engine], made: Case, folder: Path) -> list[dict[str, Any]]:
    """Run a case on both engines, hold each run to the prediction and the one to the other; gives the records."""
    project = folder / "project"
    project.mkdir(parents=True, exist_ok=True)

    def run(engine: Engine) -> tuple[dict[str, Any], int]:
        _, document, status, _ = run_pipeline(engine, made.pipeline, project, folder / engine.name, {})
        return document, status

    with ThreadPoolExecutor(len(engines)) as lanes:
        runs = list(lanes.map(run, engines))
    found = []
    for engine, (document, status) in zip(engines, runs, strict=True):
        wrong = differences(made, document)
        if status != (0 if document["state"] == "complete" else 1):
            wrong.append(f"ended with {status}, the record says {document['state']}")
        found += [f"{engine.name}: {line}" for line in wrong]
    one, other = (_comparable(document) for document, _ in runs)
    found += [f"{path}: {one[path]} and {other.get(path)}" for path in one if one[path] != other.get(path)]
    assert not found, "\n".join([*found, *(json.dumps(document, indent=1) for document, _ in runs)])
    return [document for document, _ in runs]


def _comparable(document: dict[str, Any]) -> dict[str, Any]:
    """Return by path why a node failed, and all that a record contains about an execution, except its times."""
    return {
        ".".join(path): [
            node.get("reason"),
            *(
                {key: value for key, value in entry.items() if key not in {"started", "ended"}}
                for entry in node.get("executions", [])
            ),
        ]
        for path, node in nodes(document)
    }


def together(dialect: str) -> Case:
    """Merge the cases of the table into branches of one node whose failures are handled."""
    table = CASES if dialect == "magnus" else {name: CASES[name] for name in DIFFERENT} | RUNNABLE
    branches = {name: made for name, (made, _, _) in table.items()}
    return case(graph({"all": (branches, "success", "success")}), dialect, "Table", **GIVEN)


@pytest.mark.parametrize("dialect", ["magnus", "runnable"])
def test_table(engines, tmp_path, dialect):
    check(engines, together(dialect), tmp_path)


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Return the source languages' own engines, if they are installed."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(real.started(name, tmp_path_factory.mktemp(name)))
            for name in real.ENGINES
            if real.python_of(name).exists()
        }


def real_differences(source: real.Engine, drawn: Drawn, made: Case, file: Path) -> list[str]:
    """Describe where the real engine's run of a file differs from the prediction."""
    expected = predict(made)
    if drawn.dialect == "magnus" and leaks(expected.fate):
        return []
    log = source.run(file, drawn.parameters)
    mine = {"run": "SUCCESS" if expected.fate.state == "complete" else "FAIL", **statuses(expected.fate, drawn.items)}
    theirs = {"run": log.status, **log.steps}
    found = [
        f"{path}: {theirs.get(path)}, predicted {mine.get(path)}"
        for path in sorted({*mine, *theirs})
        if mine.get(path) != theirs.get(path)
    ]
    if log.parameters != thawed(expected.fate.written):
        found.append(f"parameters {log.parameters}, predicted {thawed(expected.fate.written)}")
    # What a step sees of its siblings' parameters is the engine's own, as it runs them one after the other.
    texts = {path: text for path, text in expected.catalog.items() if path.startswith("own-")}
    files = {path.name: path.read_text() for path in file.parent.glob(".catalog/*/own-*")}
    files = {path: text for path, text in files.items() if path in texts or not put_for_another_item(path, texts)}
    if files != texts:
        found.append(f"files {files}, predicted {texts}")
    return [f"{source.name}: {line}" for line in found]


def put_for_another_item(path: str, texts: Mapping[str, str]) -> bool:
    """Return whether a later item may have put a file that the step left when an earlier one failed.

    The engines run all steps in one directory, and the pattern that a step puts matches its files of all items.
    """
    return path.split("-")[1] in {other.split("-")[1] for other in texts}


@pytest.mark.property
@pytest.mark.parametrize("dialect", ["magnus", "runnable"])
def test_random_graphs(engines, sources, tmp_path, dialect):
    @settings(
        max_examples=int(EXAMPLES or 2),
        phases=[Phase.generate],
    )
    @given(drawn=cases(dialect))
    def run(drawn):
        folder = tmp_path / str(next(_numbers))
        file = folder / "source" / "pipeline.yaml"
        made = written_to(drawn, file)
        text = yaml.safe_dump(drawn.document, sort_keys=False)
        if dialect in sources:
            found = real_differences(sources[dialect], drawn, made, file)
            assert not found, "\n".join([*found, text])
        check(engines, made, folder)
        shutil.rmtree(folder)

    run()
