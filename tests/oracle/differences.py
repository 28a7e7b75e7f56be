"""Define small pipelines that deliberately run differently from Magnus and runnable.

Each belongs to a row of ``docs/magnus.md``, "Deliberate differences".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from translator.semantics.controlflow import StepEnding
from translator.shim.contract import State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from translator.semantics.controlflow import Visit

ABORTED = "PROCESSING"


@dataclass(frozen=True, slots=True)
class Step:
    """A shell step that needs parameters to have certain values, and writes others."""

    needs: Mapping[str, Any] = field(default_factory=dict)
    writes: Mapping[str, str] = field(default_factory=dict)
    value: Any = None

    def ending(self, visit: Visit) -> StepEnding:
        met = all(visit.parameters.get(name) == value for name, value in self.needs.items())
        return StepEnding(State.COMPLETE if met else State.ERROR, dict.fromkeys(self.writes, self.value))

    def document(self, dialect: str) -> dict[str, Any]:
        prefix = "MAGNUS_PRM_" if dialect == "magnus" else ""
        tests = [f'test "${prefix}{name}" = {value} || exit 1' for name, value in self.needs.items()]
        exports = [f"export {prefix}{name}='{text}'" for name, text in self.writes.items()]
        node: dict[str, Any] = {
            "type": "task",
            "command_type": "shell",
            "command": "\n".join([*tests, *exports, "true"]),
        }
        if dialect == "runnable" and self.writes:
            node["returns"] = [{"name": name} for name in self.writes]
        return node


@dataclass(frozen=True, slots=True)
class Difference:
    """What the engine's run log says of the run, and what the specification says; the steps are those of the file."""

    row: str
    dialect: str
    graph: Mapping[str, Any]
    theirs: str
    here: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        return {"dag": _graph(self.graph, self.dialect)}

    def oracle(self, visit: Visit) -> StepEnding:
        return _steps(self.graph)[visit.node.name].ending(visit)


def parallel(**branches: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "parallel", "branches": branches}


def mapped(over: str, body: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "map", "iterate_on": over, "iterate_as": f"item_of_{over}", "branch": body}


def loop(body: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "loop", "max_iterations": 2, "break_on": "done", "index_as": "index", "branch": body}


def choice(on: str, **branches: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "conditional", "parameter": on, "branches": branches}


def _graph(steps: Mapping[str, Any], dialect: str) -> dict[str, Any]:
    names = [*steps, "success"]
    made = {
        name: {**_node(step, dialect), "next": names[place + 1]} for place, (name, step) in enumerate(steps.items())
    }
    if dialect == "magnus":
        made |= {"success": {"type": "success"}, "fail": {"type": "fail"}}
    return {"start_at": names[0], "steps": made}


def _node(step: Any, dialect: str) -> dict[str, Any]:
    if isinstance(step, Step):
        return step.document(dialect)
    node = dict(step)
    if "branch" in node:
        node["branch"] = _graph(node["branch"], dialect)
    if "branches" in node:
        node["branches"] = {name: _graph(branch, dialect) for name, branch in node["branches"].items()}
    return node


def _steps(graph: Mapping[str, Any]) -> dict[str, Step]:
    found: dict[str, Step] = {}
    for name, step in graph.items():
        if isinstance(step, Step):
            found[name] = step
        else:
            for inner in (*step.get("branches", {}).values(), step.get("branch", {})):
                found |= _steps(inner)
    return found


_READS = "parameters and catalog that a branch reads"
_LOOKS = "the list of a map, the parameter of a conditional"
_INSIDE = "a composite step inside a map"
_LIST = Step(writes={"own": "[1, 2]"}, value=[1, 2])
_CASE = Step(writes={"which": "yes"}, value="yes")

DIFFERENCES = {
    "a branch reads what the one before it wrote": Difference(
        _READS,
        "magnus",
        {"p": parallel(a={"writes": Step(writes={"v": "2"}, value=2)}, b={"reads": Step(needs={"v": 2})})},
        "SUCCESS",
        "FAIL",
        {"v": 1},
    ),
    "a branch reads a parameter of the run": Difference(
        _READS, "runnable", {"p": parallel(a={"reads": Step(needs={"v": 1})})}, "FAIL", "SUCCESS", {"v": 1}
    ),
    "a map in a branch reads a parameter of the run": Difference(
        _READS,
        "runnable",
        {"p": parallel(a={"m": mapped("l", {"reads": Step(needs={"v": 1})})})},
        "FAIL",
        "SUCCESS",
        {"v": 1, "l": [1]},
    ),
    "a map over a list of its branch": Difference(
        _LOOKS, "runnable", {"p": parallel(a={"writes": _LIST, "m": mapped("own", {"s": Step()})})}, ABORTED, "SUCCESS"
    ),
    "a conditional on a value of its branch": Difference(
        _LOOKS,
        "runnable",
        {"p": parallel(a={"writes": _CASE, "c": choice("which", yes={"s": Step()})})},
        ABORTED,
        "SUCCESS",
    ),
    "a map over an empty list": Difference(
        "a map over an empty list", "runnable", {"m": mapped("l", {"s": Step()})}, ABORTED, "SUCCESS", {"l": []}
    ),
    **{
        f"{name} inside a map": Difference(
            _INSIDE,
            "runnable",
            {"m": mapped("l", {"inner": inner})},
            ABORTED,
            "SUCCESS",
            {"l": [1], "k": [2], "c": "a"},
        )
        for name, inner in {
            "a parallel step": parallel(a={"s": Step()}),
            "a map": mapped("k", {"s": Step()}),
            "a loop": loop({"s": Step()}),
            "a conditional": choice("c", a={"s": Step()}),
        }.items()
    },
}
