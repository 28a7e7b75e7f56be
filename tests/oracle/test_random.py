"""Compare control-flow graphs in the real engines with the specification: equal states and parameters, except a list.

``make oracle N=500`` runs many, different ones each time; CI always runs the same few.
"""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

from tests.oracle.controlflow import cases, leaks, statuses
from tests.oracle.differences import DIFFERENCES
from tests.oracle.engines import ENGINES, python_of, started
from translator.load import load
from translator.semantics.controlflow import Interpreter
from translator.shim.json_values import thawed

if TYPE_CHECKING:
    from pathlib import Path

    from tests.oracle.controlflow import Case
    from tests.oracle.engines import Engine

EXAMPLES = os.environ.get("TRANSLATOR_ORACLE_EXAMPLES")


@pytest.fixture(scope="module")
def engines(tmp_path_factory):
    with ExitStack() as stack:
        found = {}
        for name in ENGINES:
            if python_of(name).exists():
                found[name] = stack.enter_context(started(name, tmp_path_factory.mktemp(name)))
        yield found


def compared(engine: Engine, case: Case, folder: Path) -> list[str]:
    """Describe where the engine's run differs from the prediction."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    file = folder / "pipeline.yaml"
    file.write_text(yaml.safe_dump(case.document, sort_keys=False))
    pipeline = load(file, dialect=case.dialect).choose()
    fate = Interpreter(pipeline, case.oracle).run(case.parameters)
    assume(case.dialect != "magnus" or not leaks(fate))
    log = engine.run(file, case.parameters)
    expected = {"complete": "SUCCESS", "error": "FAIL"}[fate.state]
    wrong = [] if log.status == expected else [f"run: {log.status}, predicted {expected}"]
    predicted = statuses(fate, case.items)
    for path in sorted({*predicted, *log.steps}):
        mine, real = predicted.get(path), log.steps.get(path)
        if mine != real:
            wrong.append(f"{path}: {real}, predicted {mine}")
    if thawed(fate.written) != log.parameters:
        wrong.append(f"parameters {log.parameters}, predicted {thawed(fate.written)}")
    return wrong


@pytest.mark.parametrize("dialect", ENGINES)
def test_random_graphs(dialect, engines, tmp_path):
    if dialect not in engines:
        pytest.skip(f"no environment with {dialect}: {python_of(dialect)} (make oracle makes it)")

    @settings(
        max_examples=int(EXAMPLES or 15),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(st.data())
    def check(data):
        case = data.draw(cases(dialect))
        wrong = compared(engines[dialect], case, tmp_path / "project")
        assert not wrong, "\n".join([*wrong, yaml.safe_dump(case.document, sort_keys=False), str(case.parameters)])

    check()


@pytest.mark.parametrize("name", DIFFERENCES)
def test_each_deliberate_difference_exists(name, engines, tmp_path):
    case = DIFFERENCES[name]
    assert case.dialect in engines, "make sets up the environments of the engines"
    file = tmp_path / "pipeline.yaml"
    file.write_text(yaml.safe_dump(case.document(), sort_keys=False))
    pipeline = load(file, dialect=case.dialect).choose()
    fate = Interpreter(pipeline, case.oracle).run(case.parameters)
    assert {"complete": "SUCCESS", "error": "FAIL"}[fate.state] == case.here, fate
    log = engines[case.dialect].run(file, case.parameters)
    assert log.status == case.theirs, engines[case.dialect].log.read_text()[-3000:]
