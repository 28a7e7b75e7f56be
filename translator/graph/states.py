"""Gather the states to draw: those of a past run, or those that ``translate explain`` predicts."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
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
_Reasons = dict[_Path, dict[str, list[str]]]
"""By node and reason, the executions and items that have it."""
_NAMED = 5
"""The maximum number of executions and items that are named for a reason."""


def predicted(explanation: Explanation) -> dict[_Path, Status]:
    """Return the predicted states by path; see ``translator.graph.build.build``."""
    found: _Found = defaultdict(list)
    _add_explained(explanation.nodes, (), found)
    return {path: _merged(several) for path, several in found.items()}


def of_run(record: Record) -> dict[_Path, Status]:
    """Return the states of a past run by path; see ``translator.graph.build.build``."""
    found: _Found = defaultdict(list)
    reasons: _Reasons = defaultdict(lambda: defaultdict(list))
    _add_recorded(record["nodes"], (), "", found, reasons)
    return {path: replace(_merged(several), why=_why(reasons[path])) for path, several in found.items()}


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


def _add_recorded(
    nodes: Mapping[str, Mapping[str, Any]], above: _Path, items: str, statuses: _Found, reasons: _Reasons
) -> None:
    """Add the states of nodes; ``items`` names the items or iterations that they are in."""
    for name, node in nodes.items():
        path = (*above, name)
        entries = node.get("executions", ())
        if node.get("reason"):
            reasons[path][node["reason"]].append(items)
        for entry in entries:
            if entry.get("reason"):
                index = f"[{entry['index']}]" if node["kind"] == "task" else ""
                reasons[path][entry["reason"]].append(f"{items} {index}".strip())
        listed = tuple((entry["index"], entry["state"]) for entry in entries) if node["kind"] == "task" else ()
        statuses[path].append(Status((node["state"],), node["state"], (), listed))
        repeated = node["kind"] in _REPEATED
        for branch, graph in node.get("branches", {}).items():
            inner = (*path, BODY if repeated else branch)
            statuses[inner].append(Status((graph["state"],), graph["state"]))
            here = f"{items} {name}[{branch}]".strip() if repeated else items
            _add_recorded(graph["nodes"], inner, here, statuses, reasons)


def _why(reasons: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return the lines of reasons, each after the executions and items that have it."""
    lines: list[str] = []
    for reason, names in reasons.items():
        known = [name for name in names if name]
        more = f", {len(known) - _NAMED} more" if len(known) > _NAMED else ""
        lines += f"{', '.join(known[:_NAMED])}{more}{': ' if known else ''}{reason}".splitlines()
    return tuple(lines)


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
