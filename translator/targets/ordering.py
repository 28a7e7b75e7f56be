"""Put nodes in an order in which a file can define them: each after the nodes that it names."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from translator.nodes import step_nodes

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from translator import ir


def sorted_nodes(pipeline: ir.Pipeline) -> list[ir.StepNode]:
    """Return the nodes in the order of the source file, but each after those that its edges and gates name.

    Args:
        pipeline: a pipeline of execution and task nodes only, that has no cycle.
    """
    nodes = step_nodes(pipeline)
    upstream: dict[str, set[str]] = {name: set() for name in nodes}
    for edge in pipeline.edges:
        upstream[edge.target.node].add(edge.source.node)
    for node in nodes.values():
        upstream[node.name].update(gate.node for gate in node.policy.gates if gate.node is not None)
    return [nodes[name] for name in topological_order(upstream)]


def topological_order(upstream: Mapping[str, Collection[str]]) -> list[str]:
    """Return the keys of ``upstream`` in topological order, and otherwise in their own order.

    Args:
        upstream: by node, the nodes that must come before it, without a cycle.
    """
    places = {node: place for place, node in enumerate(upstream)}
    names = list(upstream)
    waiting = {node: set(before) for node, before in upstream.items()}
    followers: dict[str, list[str]] = {node: [] for node in upstream}
    for node, before in waiting.items():
        for source in before:
            followers[source].append(node)
    ready = [places[node] for node, before in waiting.items() if not before]
    ordered: list[str] = []
    while ready:
        node = names[heapq.heappop(ready)]
        ordered.append(node)
        for follower in followers[node]:
            waiting[follower].discard(node)
            if not waiting[follower]:
                heapq.heappush(ready, places[follower])
    return ordered
