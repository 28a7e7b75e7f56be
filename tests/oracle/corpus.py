"""Compare the corpus of files, whose results in the real engines are known, with the specification.

The engine's results for leaves are the oracle's answers, and so are the items, cases and iterations that a run
decides. From them, the specification must derive the same nodes, and the same status of every composite node, branch
and run. Files that crash the engine differ deliberately: the node fails, and its ERROR route is followed. This module
runs nothing, neither with the engine nor with ours. As a program it prints the table.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from translator.diagnostics import TranslationError
from translator.load import load
from translator.semantics.controlflow import Interpreter, StepEnding, Visit
from translator.shim.contract import State

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from translator import ir
    from translator.ir import Json
    from translator.semantics.controlflow import GraphFate

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
DIALECTS = ("magnus", "runnable")
STATUS = {State.COMPLETE: "SUCCESS", State.ERROR: "FAIL"}


@dataclass(frozen=True)
class Verdict:
    """How a file compares: ``equal``, ``on purpose`` or ``wrong``, and why."""

    file: str
    verdict: str
    why: str = ""


class _AsLogged(Interpreter):
    """Leaves end, and items, cases and iterations are, as a log says; items are called by their text there."""

    def __init__(self, pipeline: ir.Pipeline, log: Mapping[str, str], branches: Mapping[str, list[str]]) -> None:
        super().__init__(pipeline, self._ending)
        self.log, self.branches = log, branches
        self.named: dict[str, list[str]] = {}

    def real(self, path: str) -> str:
        parts = path.split(".")
        called = list(parts)
        for place in range(1, len(parts), 2):
            if names := self.named.get(".".join(parts[:place])):
                called[place] = names[int(parts[place])]
        return ".".join(called)

    def _ending(self, visit: Visit) -> StepEnding:
        status = self.log.get(self.real(visit.path))
        assert status is not None, f"{visit.path} is not reached in the engine"
        return StepEnding(State.COMPLETE if status == "SUCCESS" else State.ERROR)

    def _under(self, path: str) -> list[str]:
        return [name.rpartition(".")[2] for name in self.branches.get(self.real(path), [])]

    def items(self, path: str, node: ir.MapNode, parameters: Mapping[str, Json]) -> Sequence[Json] | None:
        self.named[path] = self._under(path)
        return self.named[path]

    def case(self, path: str, node: ir.ChoiceNode, parameters: Mapping[str, Json]) -> str | None:
        return next(iter(self._under(path)), None)

    def ends(self, path: str, node: ir.LoopNode, parameters: Mapping[str, Json]) -> bool:
        loop, _, index = path.rpartition(".")
        return int(index) + 1 >= len(self._under(loop))


def results(dialect: str) -> Mapping[str, Mapping[str, Any]]:
    """Return the results of a dialect's own engine for its files."""
    return json.loads((CORPUS / dialect / "expected.json").read_text())["results"]


def verdicts(dialect: str) -> Iterator[Verdict]:
    """Return the verdict on each file of a dialect."""
    for file, expected in results(dialect).items():
        yield _verdict(dialect, file, expected)


def _verdict(dialect: str, file: str, expected: Mapping[str, Any]) -> Verdict:
    try:
        pipeline = load(CORPUS / dialect / file, dialect=dialect, project=CORPUS / dialect).choose()
    except TranslationError as error:
        said = next((d.message for d in error.diagnostics.found), "")
        if expected["status"] == "INVALID":
            return Verdict(file, "equal", f"refused: {said}")
        refused = "on purpose" if expected["status"] == "PROCESSING" else "wrong"
        return Verdict(file, refused, f"refused: {said}; the engine: {expected['status']} {expected.get('error', '')}")
    if expected["status"] == "INVALID":
        return Verdict(file, "wrong", f"accepted; the engine: {expected.get('error')}")
    if expected["status"] == "PROCESSING":
        return Verdict(file, "on purpose", f"the engine crashes: {expected.get('error')}")
    log = dict(logged(expected["steps"]))
    branches = dict(branches_logged(expected["steps"]))
    asked = _AsLogged(pipeline, log, branches)
    try:
        fate = asked.run({})
    except AssertionError as error:
        return Verdict(file, "wrong", str(error))
    predicted = {asked.real(path): status for path, status in _predicted(fate)}
    differ = [
        f"{p}: {log.get(p)}, predicted {predicted.get(p)}"
        for p in {**log, **predicted}
        if log.get(p) != predicted.get(p)
    ]
    if STATUS[fate.state] != expected["status"]:
        differ.append(f"run: {expected['status']}, predicted {STATUS[fate.state]}")
    return Verdict(file, "wrong" if differ else "equal", "; ".join(differ))


def logged(steps: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Return the statuses of the steps and branches of a log, by path."""
    for step in steps:
        if step["type"] not in {"success", "fail"}:
            yield step["step"], step["status"]
        for name, branch in step.get("branches", {}).items():
            yield name, branch["status"]
            yield from logged(branch["steps"])


def branches_logged(steps: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, list[str]]]:
    """Return the paths of the branches of each step of a log, in the order in which they began."""
    for step in steps:
        yield step["step"], list(step.get("branches", {}))
        for branch in step.get("branches", {}).values():
            yield from branches_logged(branch["steps"])


def _predicted(fate: GraphFate, prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, node in fate.nodes.items():
        if node.state is State.SKIPPED:
            continue
        yield prefix + name, STATUS[node.state]
        for branch, of in node.branches.items():
            if of.state is not State.SKIPPED:
                yield f"{prefix}{name}.{branch}", STATUS[of.state]
                yield from _predicted(of, f"{prefix}{name}.{branch}.")


if __name__ == "__main__":
    for language in DIALECTS:
        found = list(verdicts(language))
        counts = Counter(one.verdict for one in found)
        sys.stdout.write(f"{language}: {len(found)} files: {', '.join(f'{n} {v}' for v, n in counts.items())}\n")
        for one in found:
            if one.verdict != "equal":
                sys.stdout.write(f"  {one.verdict}: {one.file}: {' '.join(one.why.split())}\n")
