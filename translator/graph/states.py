"""Gather the states to draw: those of a past run, or those that ``translate explain`` predicts."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from translator.graph.model import Status
from translator.nodes import BODY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from translator.explain.result import ExplainedNode, Explanation
    from translator.history.records import Record

_REPEATED = ("map", "loop")
"""The kinds of nodes whose branches have numbers in a run, and one body in a drawing."""
_Path = tuple[str, ...]
_Found = dict[_Path, list[Status]]


def predicted(explanation: Explanation) -> dict[_Path, Status]:
    """Return the predicted states by path; see ``translator.graph.build.build``."""
    found: _Found = defaultdict(list)
    _add_explained(explanation.nodes, (), found)
    return {path: _merged(several) for path, several in found.items()}


def of_run(record: Record) -> dict[_Path, Status]:
    """Return the states of a past run by path; see ``translator.graph.build.build``."""
    found: _Found = defaultdict(list)
    _add_recorded(record["nodes"], (), found)
    return {path: _merged(several) for path, several in found.items()}


def _add_explained(nodes: Iterable[ExplainedNode], above: _Path, found: _Found) -> None:
    for node in nodes:
        path = (*above, node.name)
        executions = node.executions if node.kind == "task" and node.executions else ()
        listed = tuple((one.index, _either(one.states)) for one in executions)
        found[path].append(Status(tuple(sorted(node.states)), _either(node.states), node.why, listed))
        for name, branch in (node.branches or {}).items():
            inner = (*path, BODY if node.kind in _REPEATED else name)
            found[inner].append(Status((branch.state,), branch.state))
            _add_explained(branch.nodes, inner, found)


def _add_recorded(nodes: Mapping[str, Mapping[str, Any]], above: _Path, found: _Found) -> None:
    for name, node in nodes.items():
        path = (*above, name)
        entries = node.get("executions", ())
        why = tuple(dict.fromkeys(entry["reason"] for entry in entries if entry.get("reason")))
        listed = tuple((entry["index"], entry["state"]) for entry in entries) if node["kind"] == "task" else ()
        found[path].append(Status((node["state"],), node["state"], why, listed))
        for branch, graph in node.get("branches", {}).items():
            inner = (*path, BODY if node["kind"] in _REPEATED else branch)
            found[inner].append(Status((graph["state"],), graph["state"]))
            _add_recorded(graph["nodes"], inner, found)


def _merged(several: Sequence[Status]) -> Status:
    """Return the status of a node in all items or iterations that it is in."""
    if len(several) == 1:
        one = several[0]
        counted = _counted(state for _, state in one.executions)
        return Status(one.states, f"{one.text} ({counted})" if counted else one.text, one.why, one.executions)
    states = sorted({state for one in several for state in one.states})
    why = dict.fromkeys(reason for one in several for reason in one.why)
    return Status(tuple(states), _counted(one.text for one in several), tuple(why))


def _either(states: Iterable[str]) -> str:
    return " or ".join(sorted(states))


def _counted(states: Iterable[str]) -> str:
    return ", ".join(f"{number} {state}" for state, number in Counter(states).items())
