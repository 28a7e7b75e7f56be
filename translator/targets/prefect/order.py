"""Order the nodes of a dataflow graph so that each comes after its upstream nodes."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from translator import ir


def incoming(pipeline: ir.Pipeline) -> dict[str, list[ir.Edge]]:
    """Return the edges that end in each node, in the order of the source file."""
    edges: dict[str, list[ir.Edge]] = {node.name: [] for node in pipeline.nodes}
    for edge in pipeline.edges:
        edges[edge.target.node].append(edge)
    return edges


def sorted_nodes(pipeline: ir.Pipeline, edges: Mapping[str, Sequence[ir.Edge]]) -> list[ir.Node]:
    """Return the nodes in the order of the source file, as far as upstream nodes come first.

    Args:
        pipeline: a pipeline without a cycle.
        edges: from ``incoming``.
    """
    waiting = {name: {edge.source.node for edge in ending} for name, ending in edges.items()}
    followers: dict[str, list[str]] = {name: [] for name in waiting}
    for name, upstream in waiting.items():
        for source in upstream:
            followers[source].append(name)
    places = {node.name: place for place, node in enumerate(pipeline.nodes)}
    ready = [places[name] for name, upstream in waiting.items() if not upstream]
    ordered: list[ir.Node] = []
    while ready:
        node = pipeline.nodes[heapq.heappop(ready)]
        ordered.append(node)
        for follower in followers[node.name]:
            waiting[follower].discard(node.name)
            if not waiting[follower]:
                heapq.heappush(ready, places[follower])
    return ordered
