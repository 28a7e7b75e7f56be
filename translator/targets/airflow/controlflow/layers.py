"""Split the body of a map that contains other maps, because Airflow cannot map in a mapped group.

The nodes of such a graph lie in layers. Nodes without a map in them form a mapped group. The nodes with a map follow
outside this group; such a map runs once over the items of all outer items. The nodes after these form another mapped
group, and so on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from translator import ir
from translator.nodes import branches

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from translator.targets.airflow.controlflow.routes import NodeRoutes


@dataclass(frozen=True, slots=True)
class Layer:
    """Nodes without a map in them, and the nodes with a map that follow them; either may be empty."""

    plain: Sequence[ir.Node]
    mapping: Sequence[ir.Node]


def maps(graph: ir.Graph) -> bool:
    """Return whether a graph contains a map, at any depth."""
    return any(maps_in(node) for node in graph.nodes)


def layers(graph: ir.Graph, routes_by_node: Mapping[str, NodeRoutes]) -> list[Layer]:
    """Return the layers of a graph, in the order in which they run."""
    mapping = {node.name: maps_in(node) for node in graph.nodes}
    first = int(any(mapping[name] for name, routes in routes_by_node.items() if routes.starts))
    ranks: dict[str, int] = {}
    waiting = [node.name for node in reversed(graph.nodes)]
    while waiting:
        name = waiting[-1]
        before = [one.name for one in routes_by_node[name].after]
        unknown = [one for one in before if one not in ranks]
        if unknown and name not in ranks:
            waiting.extend(unknown)
            continue
        # An unreachable node must not come before the first node of the graph.
        alone = 0 if routes_by_node[name].starts else first
        ranks[waiting.pop()] = max((ranks[one] + mapping[one] for one in before), default=alone)
    ordered = []
    for rank in range(max(ranks.values(), default=-1) + 1):
        here = [node for node in graph.nodes if ranks[node.name] == rank]
        ordered.append(
            Layer([node for node in here if not mapping[node.name]], [node for node in here if mapping[node.name]])
        )
    return ordered


def maps_in(node: ir.Node) -> bool:
    """Return whether a node is or contains a map."""
    return isinstance(node, ir.MapNode) or any(maps(graph) for graph in branches(node).values())
