"""Do to control-flow graphs what ``tests.prefect.dataflow.histories`` does to dataflow graphs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.controlflow.histories import SHAPES, does, key_of, seen, shown
from tests.controlflow.histories import Plan as Steps
from tests.controlflow.histories import write as write_steps
from tests.controlflow.run import predicted, recorded
from tests.prefect.dataflow.histories import EndsBy
from tests.prefect.dataflow.histories import History as DataflowHistory
from translator.semantics.controlflow import GraphFate, Interpreter, StepEnding, Visit
from translator.shim.json_values import thawed


@dataclass(frozen=True)
class Plan:
    """What an attempt does: what its steps do, where it waits to be ended (the path of a step), and how.

    Only an attempt that ends by itself has failures: else it could end before it comes to where it waits.
    """

    steps: Steps = field(default_factory=Steps)
    ends_by: EndsBy = "itself"
    hold: str = ""

    def run(self, shape: str, stamp: int, home: Path) -> tuple[GraphFate, dict[str, Visit]]:
        """Return the specification's outcome of the attempt, and by path the steps that it reaches."""
        visits: dict[str, Visit] = {}

        def ending(visit: Visit) -> StepEnding:
            visits[visit.path] = visit
            return does(visit.path, visit.items, self.steps, stamp)

        fate = Interpreter(SHAPES[shape].pipeline(), ending).run({"home": str(home)})
        return fate, visits


@dataclass
class History(DataflowHistory):
    """One flow run of one deployment, attempt by attempt; ``on_error`` is the name of a shape."""

    @property
    def home(self) -> Path:
        """The directory that the steps read."""
        return self.folder / "steps"

    def _source(self) -> str:
        self.home.mkdir()
        return SHAPES[self.on_error].source()

    def _parameters(self) -> dict[str, Any]:
        return {}

    def _steps_environment(self) -> dict[str, str]:
        return {"RUNNABLE_PRM_home": str(self.home)}

    def _write(self, plan: Any) -> None:
        write_steps(self.home, plan.steps, self.attempts)
        self.fate, self.visits = plan.run(self.on_error, self.attempts, self.home)
        if plan.hold:
            (self.home / f"hold-{self._key(plan.hold)}").touch()

    def _key(self, path: str) -> str:
        return key_of(path, self.visits[path].items.values())

    def _held(self) -> Path:
        return self.home / "held"

    def _step_nodes(self, document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        return _step_nodes(document["nodes"])

    def _check_end(self, plan: Any, document: Mapping[str, Any]) -> None:
        told = f"{plan}: {json.dumps(document, indent=1)}"
        assert document["state"] == self.fate.state, told
        assert recorded(document["nodes"]) == predicted(self.fate), told
        assert document["parameters"] == thawed(self.fate.written), told

    def _check_cut(self, plan: Any, document: Mapping[str, Any]) -> None:
        """Hold a run that was ended from outside to what must be true of it."""
        told = f"{plan}: {json.dumps(document, indent=1)}"
        cut = "error" if plan.ends_by == "kill" else "stopped"
        assert document["state"] == ("complete" if plan.ends_by == "mark success" else cut), told
        whole = {path: state.rpartition(" ")[2] for path, state in predicted(self.fate).items()}
        found = {path: state.rpartition(" ")[2] for path, state in recorded(document["nodes"]).items()}
        parts = plan.hold.split(".")
        on_way = {".".join(parts[: length + 1]) for length in range(len(parts))}
        order = list(self.visits)
        for path, state in found.items():
            if path in on_way:
                assert state == cut, f"{path} {told}"
                continue
            # Where the way to the held step and that to this node part, both are in one graph or in branches of one.
            here = path.split(".")
            length = next(n for n, (one, other) in enumerate(zip(here, parts, strict=False)) if one != other)
            ways = [".".join([*here[:length], name]) for name in (here[length], parts[length])]
            if length % 2:  # of another branch: all may be true that the specification says or a stop makes of it
                assert state in {whole.get(path), "skipped", cut, "stopped"}, f"{path} {told}"
            elif (place := _place(order, ways[0], whole)) is None or place > (_first(order, ways[1]) or 0):
                assert state == "skipped", f"{path} {told}"
            else:
                assert state == whole[path], f"{path} {told}"
        for path, node in self._step_nodes(document):
            assert all(one["tries"] <= 1 for one in node["executions"]), told
            assert bool(node["executions"]) is (found[path] != "skipped") or found[path] == "stopped", f"{path} {told}"

    def _check_outputs(self, plan: Any, run: Path, document: Mapping[str, Any]) -> None:
        """Hold what each complete execution saw to what those before it made in this attempt."""
        for path, node in self._step_nodes(document):
            if node["state"] == "complete":
                saw, wanted = seen(self.home, self._key(path)), shown(self.visits[path].parameters)
                assert saw == wanted, f"{path} saw {saw}, not {wanted}: {plan}"


def _first(order: list[str], path: str) -> int | None:
    """Return the number of the first step at a path or below it that the specification reaches."""
    return next((n for n, one in enumerate(order) if one == path or one.startswith(f"{path}.")), None)


def _place(order: list[str], path: str, whole: Mapping[str, str]) -> int | None:
    """Return the number of the first step of a node; an empty map has none, and is as far as the node after it."""
    if whole.get(path) == "complete" and _first(order, path) is None:
        siblings = [one for one in whole if one.rpartition(".")[0] == path.rpartition(".")[0]]
        after = (_first(order, one) for one in siblings[siblings.index(path) + 1 :])
        return next((number for number in after if number is not None), None)
    return _first(order, path)


def _step_nodes(nodes: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, node in nodes.items():
        if "executions" in node:
            yield prefix + name, node
        for branch, of in node.get("branches", {}).items():
            yield from _step_nodes(of["nodes"], f"{prefix}{name}.{branch}.")
