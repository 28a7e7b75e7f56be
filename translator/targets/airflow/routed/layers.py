"""Bodies of maps with a map in them, cut where Airflow needs it: it cannot map in a mapped group.

The nodes of such a graph lie in layers. Those without a map in them make a mapped group; then come those with one,
which are no part of it, and a map there runs over the items of all items at once; then the nodes after these, in
another mapped group; and so on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from translator import ir

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from translator.targets.airflow.routed.routes import Way


@dataclass(frozen=True, slots=True)
class Layer:
    """Nodes without a map in them, and nodes with one that follow those; either may be empty."""

    plain: Sequence[ir.Node]
    mapping: Sequence[ir.Node]


def graphs(node: ir.Node) -> Mapping[str, ir.Graph]:
    """The graphs in a node by the name of their branch; the body of a map or a loop is called ``*``."""
    match node:
        case ir.ParallelNode(branches=branches) | ir.ChoiceNode(cases=branches):
            return branches
        case ir.MapNode(body=body) | ir.LoopNode(body=body):
            return {"*": body}
        case _:
            return {}


def maps(graph: ir.Graph) -> bool:
    """Whether there is a map in a graph, however deep."""
    return any(_maps(node) for node in graph.nodes)


def layers(graph: ir.Graph, ways: Mapping[str, Way]) -> list[Layer]:
    """The layers of a graph, in the order in which they run."""
    maps_in = {node.name: _maps(node) for node in graph.nodes}
    ranks: dict[str, int] = {}
    waiting = [node.name for node in reversed(graph.nodes)]
    while waiting:
        name = waiting[-1]
        before = [one.name for one in ways[name].after]
        unknown = [one for one in before if one not in ranks]
        if unknown and name not in ranks:
            waiting.extend(unknown)
            continue
        ranks[waiting.pop()] = max((ranks[one] + maps_in[one] for one in before), default=0)
    found = []
    for rank in range(max(ranks.values(), default=-1) + 1):
        here = [node for node in graph.nodes if ranks[node.name] == rank]
        found.append(
            Layer([node for node in here if not maps_in[node.name]], [node for node in here if maps_in[node.name]])
        )
    return found


def _maps(node: ir.Node) -> bool:
    return isinstance(node, ir.MapNode) or any(maps(graph) for graph in graphs(node).values())
