"""Find which nodes of a control-flow graph need only plain dependencies, and which must check.

A node that is reached from one node alone, and only where that is complete, waits for it as any task of Airflow does.
Every other one has a guard: ``after=[...]`` names the outcomes that lead to it, and the task is skipped if none came.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from translator import ir
from translator.nodes import reachable
from translator.shim.contract import After

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Way:
    """A way: how the token comes to a node, and how the graph ends there.

    ``after`` are the outcomes of nodes that lead to it; ``guarded`` tells that it must look whether it was reached.
    ``fails``: its completion ends the graph in error; ``succeeds``: its error ends the graph as complete; ``starts``:
    the graph begins with it.
    """

    after: Sequence[After]
    guarded: bool
    fails: bool
    succeeds: bool
    starts: bool


LOOKS = Way(after=(), guarded=True, fails=False, succeeds=False, starts=True)
"""The way of a first node or task that must look whether its graph was begun."""


def ways(graph: ir.Graph) -> dict[str, Way]:
    """Return the way of each node; routes from unreachable nodes do not count for nodes that are reached."""
    targets = {node.name: _targets(node) for node in graph.nodes}
    reached = reachable([graph.start], {name: routes.values() for name, routes in targets.items()})
    into: dict[str, list[After]] = {name: [] for name in targets}
    for name, routes in targets.items():
        for outcome, target in routes.items():
            if isinstance(target, str) and (name in reached or target not in reached):
                into[target].append(After(name, outcome.value))
    found = {}
    for name, after in into.items():
        plain = name == graph.start or (len(after) == 1 and after[0].outcome == "complete")
        routes = targets[name]
        found[name] = Way(
            after=() if name == graph.start else tuple(after),
            guarded=not plain,
            fails=routes[ir.Outcome.COMPLETE] == ir.End(ir.Outcome.ERROR),
            succeeds=routes[ir.Outcome.ERROR] == ir.End(ir.Outcome.COMPLETE),
            starts=name == graph.start,
        )
    return found


def _targets(node: ir.Node) -> dict[ir.Outcome, str | ir.End]:
    targets: dict[ir.Outcome, str | ir.End] = {outcome: ir.End(outcome) for outcome in ir.Outcome}
    for route in node.policy.routes:
        targets[route.outcome] = route.target
    return targets
