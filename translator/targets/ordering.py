"""Put nodes in an order in which a file can define them: each after the nodes that it names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator.graphs import topological_order
from translator.nodes import step_nodes

if TYPE_CHECKING:
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
        upstream[node.name].update(gate.node for gate in node.policy.gates if gate.node in nodes)
    return [nodes[name] for name in topological_order(upstream)]
