"""Find which nodes of a control-flow graph need only plain dependencies, and which must check.

A node that is reached from one node alone, and only where that is complete, waits for it as any task of Airflow does.
Every other one has a guard: ``after=[...]`` names the outcomes that lead to it, and the task is skipped if none came.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from translator import ir
from translator.nodes import COMPLETE, ERROR, reached_nodes, routes
from translator.shim.contract import After

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class NodeRoutes:
    """The routes of a node: how the token reaches it, and how the graph ends there.

    ``after`` are the outcomes of nodes that lead to it; ``guarded`` means that it must check whether it was reached.
    ``fails``: its completion ends the graph as failed; ``succeeds``: its failure ends the graph as complete;
    ``starts``: the graph begins with it.
    """

    after: Sequence[After]
    guarded: bool
    fails: bool
    succeeds: bool
    starts: bool


LOOKS = NodeRoutes(after=(), guarded=True, fails=False, succeeds=False, starts=True)
"""The routes of a first node or task that must check whether its graph has begun."""


def all_routes(graph: ir.Graph) -> dict[str, NodeRoutes]:
    """Return the routes of each node; those from unreachable nodes do not count for nodes that are reached."""
    reached = reached_nodes(graph)
    into: dict[str, list[After]] = {node.name: [] for node in graph.nodes}
    for node in graph.nodes:
        for outcome, target in zip((ir.Outcome.COMPLETE, ir.Outcome.ERROR), routes(node), strict=True):
            if isinstance(target, str) and (node.name in reached or target not in reached):
                into[target].append(After(node.name, outcome.value))
    return {node.name: _routes(node, into[node.name], starts=node.name == graph.start) for node in graph.nodes}


def _routes(node: ir.Node, after: Sequence[After], *, starts: bool) -> NodeRoutes:
    complete, failed = routes(node)
    plain = starts or (len(after) == 1 and after[0].outcome == "complete")
    return NodeRoutes(
        after=() if starts else tuple(after),
        guarded=not plain,
        fails=complete == ERROR,
        succeeds=failed == COMPLETE,
        starts=starts,
    )
