"""Run every file of the corpus on Airflow and on Prefect, and compare with the results of its own engine.

``make corpus SOURCES=DIR`` starts each engine once, runs all files, and writes the results to docs/corpus.md. The
corpus has the files of examples, but not the modules and notebooks of their steps: ``DIR`` has these, as
``magnus/examples`` and ``runnable/examples`` of their repositories. Without it, files that lack such a source do not
run, and the page stays as it is.
"""

from __future__ import annotations

import argparse
import fnmatch
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.oracle import corpus, corpus_page
from tests.oracle.corpus_table import TABLE, OnPurpose
from tests.parity.engines import ENGINES, ROOT, run_pipeline, started
from translator import ir
from translator.diagnostics import TranslationError
from translator.load import load
from translator.nodes import walk

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.parity.engines import Engine

PACKAGES = ROOT / ".venv" / "corpus"
"""What functions and notebooks of the examples import beside the engines' environments."""
PRESENT = {"magnus": {"data/hello.txt": "Hello\n"}, "runnable": {}}
"""Files that were in the working directory when the results were taken."""


@dataclass(frozen=True)
class Difference:
    """One thing that differs: ``run``, the path of a step or branch, ``parameter NAME`` or ``catalog``."""

    where: str
    engine: object
    here: object

    def __str__(self) -> str:
        return f"{self.where}: {self.engine!r}, here {self.here!r}"


@dataclass(frozen=True)
class Result:
    """How a file compares: ``equal``, ``on purpose``, ``not run`` or ``wrong``, and why."""

    dialect: str
    file: str
    engine: str
    verdict: str
    why: Sequence[str] = ()

    def __str__(self) -> str:
        lines = [f"{self.verdict:10} {self.engine:7} {self.dialect} {self.file}", *self.why]
        return "\n    ".join(lines if self.verdict in {"wrong", "not run"} else lines[:1])


def project(dialect: str, folder: Path, sources: Path | None = None) -> Path:
    """Write a dialect's corpus as a project below ``folder``, with the available sources of its steps."""
    made = folder / dialect
    shutil.copytree(corpus.CORPUS / dialect, made)
    if sources is not None:
        shutil.copytree(sources / dialect, made, dirs_exist_ok=True)
    for file, text in PRESENT[dialect].items():
        (made / file).parent.mkdir(exist_ok=True)
        (made / file).write_text(text)
    return made


def result(engine: Engine, dialect: str, file: str, base: Path, store: Path, *, whole: bool = False) -> Result:
    """Run a file on an engine and compare it; ``whole``: the project lacks no source but those that do not exist."""
    expected, purpose = corpus.results(dialect)[file], TABLE[dialect].get(file)
    parameters = expected["parameters_file"]
    loaded = load(base / file, dialect=dialect, project=base, parameters=base / parameters if parameters else None)
    try:
        pipeline = loaded.choose()
    except TranslationError as error:
        wrong = [] if purpose and purpose.ends == "refused" else [d.message for d in error.diagnostics.found]
        return Result(dialect, file, engine.name, "wrong" if wrong else "on purpose", wrong)
    if not whole and (lacks := list(_lacking(pipeline, file, base))):
        return Result(dialect, file, engine.name, "not run", [f"lacks {', '.join(lacks)}"])
    engine.environment = {"PYTHONPATH": f"{ROOT}:{PACKAGES}", **expected["env"]}
    if "envvar" in expected["params"]:  # all examples were run with it
        engine.environment["RUNNABLE_PRM_envvar"] = "from env"
    try:
        _, document, status, _ = run_pipeline(engine, pipeline, base, store, {})
    except AssertionError as error:  # it left no record; the next file may do better
        return Result(dialect, file, engine.name, "wrong", str(error).splitlines())
    found = list(differences(expected, document))
    wrong = [] if (status == 0) == (document["state"] == "complete") else [f"exit status {status}: {document['state']}"]
    wrong += map(str, found) if purpose is None else not_as_said(purpose, found, corpus.STATUS[document["state"]])
    if wrong:
        wrong += [f"({path}: {reason})" for path, reason in _reasons(document["nodes"])]
    return Result(dialect, file, engine.name, "wrong" if wrong else "on purpose" if purpose else "equal", wrong)


def _lacking(pipeline: ir.Pipeline, file: str, base: Path) -> Iterator[str]:
    """Return the missing sources of the steps of an example."""
    for _, node in walk(pipeline.graph):
        if not isinstance(node, ir.ExecutionNode) or not file.startswith("examples/"):
            continue
        command = node.step.command[0] if node.step.command else ""
        path = command if node.step.kind == "notebook" else f"{command.rpartition('.')[0].replace('.', '/')}.py"
        if node.step.kind in {"notebook", "python"} and not (base / path).exists():
            yield path


def differences(expected: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[Difference]:
    """Describe the differences between a run's record and the engine's results."""
    theirs = {"run": expected["status"], **dict(corpus.logged(expected["steps"]))}
    mine = {
        "run": corpus.STATUS[document["state"]],
        **dict(_statuses(document["nodes"], dict(corpus.branches_logged(expected["steps"])))),
    }
    theirs |= {f"parameter {name}": _typed(value) for name, value in expected["params"].items()}
    mine |= {f"parameter {name}": _typed(_named(value)) for name, value in document["parameters"].items()}
    theirs["catalog"] = sorted(expected["catalog_files"])
    mine["catalog"] = sorted(file["path"] for file in document["catalog"])
    for where in {**theirs, **mine}:
        if theirs.get(where) != mine.get(where):
            yield Difference(where, theirs.get(where), mine.get(where))


def _typed(value: object) -> tuple[str, object]:
    """Return a value that equals only values of its own type: ``1`` is not ``True``."""
    return type(value).__name__, value


def _named(value: object) -> object:
    """Return a parameter as in runnable's log: for an object, the name of its pickle in the catalog."""
    return value["$object"].removesuffix(".dill") if isinstance(value, dict) and list(value) == ["$object"] else value


def _statuses(
    nodes: Mapping[str, Any], branches: Mapping[str, list[str]], prefix: str = ""
) -> Iterator[tuple[str, str]]:
    """Return the statuses of a record by path as in logs, with the items of maps as names of branches."""
    for name, node in nodes.items():
        if node["state"] == "skipped":
            continue
        path = prefix + name
        yield path, corpus.STATUS[node["state"]]
        for number, (branch, of) in enumerate(node.get("branches", {}).items()):
            if of["state"] == "skipped":
                continue
            logged = branches.get(path, [])
            called = logged[number] if node["kind"] == "map" and number < len(logged) else f"{path}.{branch}"
            yield called, corpus.STATUS[of["state"]]
            yield from _statuses(of["nodes"], branches, f"{called}.")


def not_as_said(purpose: OnPurpose, found: Sequence[Difference], run: str) -> Iterator[str]:
    """Explain how a file that differs on purpose differs otherwise than in the table, or not at all."""
    if run != purpose.ends:
        yield f"in the table the run ends as {purpose.ends}, here as {run}"
    covered = set()
    for difference in found:
        at = next((at for at in purpose.where if f"{difference.where}.".startswith(f"{at}.")), None)
        covered.add(at)
        if at is None and difference.where != "run":
            yield f"not in the table: {difference}"
    yield from (f"in the table, but equal: {at}" for at in purpose.where if at not in covered)


def _reasons(nodes: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, node in nodes.items():
        said = [node.get("reason"), *(execution["reason"] for execution in node.get("executions", ()))]
        yield from ((prefix + name, reason) for reason in said if reason)
        for branch, of in node.get("branches", {}).items():
            yield from _reasons(of["nodes"], f"{prefix}{name}.{branch}.")


def run_all(
    engine_name: str, projects: Mapping[str, Path], folder: Path, only: str = "*", *, whole: bool = False
) -> Iterator[Result]:
    """Run the files that match ``only`` and that their own engine accepts; an engine works in ``folder``."""
    folder.mkdir()
    with started(engine_name, folder) as engine:
        for dialect, base in projects.items():
            for file, expected in corpus.results(dialect).items():
                if expected["status"] != "INVALID" and fnmatch.fnmatch(f"{dialect}/{file}", only):
                    yield result(engine, dialect, file, base, folder / "stores" / dialect / file, whole=whole)


def main() -> int:
    """Run the program."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sources", type=Path, help="where the modules and notebooks of the examples are")
    parser.add_argument("--engine", choices=ENGINES, nargs="+", default=ENGINES)
    parser.add_argument("--only", default="*", metavar="PATTERN", help="of DIALECT/FILE")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="corpus-") as name, ThreadPoolExecutor(len(ENGINES)) as lanes:
        projects = {dialect: project(dialect, Path(name) / "projects", asked.sources) for dialect in corpus.DIALECTS}

        def lane(engine: str) -> list[Result]:
            done = []
            for one in run_all(engine, projects, Path(name) / engine, asked.only, whole=asked.sources is not None):
                done.append(one)
                print(one, flush=True)
            return done

        found = [one for done in [*lanes.map(lane, asked.engine)] for one in done]
    table = corpus_page.counts(found)
    print(table)
    wrong = sum(one.verdict == "wrong" for one in found)
    whole = asked.only == "*" and set(asked.engine) == set(ENGINES) and asked.sources is not None
    if whole and not wrong:
        corpus_page.write(table)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
