"""A pipeline looked at from its nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from translator import ir
from translator.targets.ordering import in_order

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

REFERENCES = {
    ir.EdgeKind.ARTIFACT: "output",
    ir.EdgeKind.INPUT: "same_input",
    ir.EdgeKind.PARAMETER: "parameter",
    ir.EdgeKind.METADATA: "metadata",
}
"""By kind of an edge's source, the function that refers to it in a DAG file."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The surroundings of a pipeline's nodes: incoming edges, and what sets parameters.

    ``edges`` are those that bring something, by node and kind of their target; ``setters`` the pipeline parameters, by
    node and parameter; ``on_error`` is the rule of the nodes that say none. ``variables`` are the variables that hold
    the nodes.
    """

    edges: Mapping[tuple[str, ir.EdgeKind], Sequence[ir.Edge]]
    on_error: ir.OnError
    setters: Mapping[str, Mapping[str, Sequence[ir.PipelineParameter]]]
    variables: Mapping[str, str]

    def into(self, node: ir.StepNode, kind: ir.EdgeKind) -> Sequence[ir.Edge]:
        """Return the edges that end in ports of one kind of ``node``, in the order of the source file."""
        return self.edges.get((node.name, kind), ())


def plan_of(pipeline: ir.Pipeline, variables: Mapping[str, str]) -> Plan:
    """Return what a pipeline says about its nodes from outside.

    Args:
        pipeline: the pipeline.
        variables: by node, the variable that holds it.
    """
    edges: dict[tuple[str, ir.EdgeKind], list[ir.Edge]] = {}
    for edge in pipeline.edges:
        if edge.source.kind in REFERENCES:
            edges.setdefault((edge.target.node, edge.target.kind), []).append(edge)
    setters: dict[str, dict[str, list[ir.PipelineParameter]]] = {}
    for given in pipeline.parameters:
        for target in given.targets:
            setters.setdefault(target.node, {}).setdefault(target.parameter, []).append(given)
    rules = {node.policy.on_error for node in pipeline.nodes}
    # Several nodes that have the same rule share it; in Loom all have.
    shared = rules.pop() if len(rules) == 1 and len(pipeline.nodes) > 1 else ir.OnError.STOP_ALL
    return Plan(edges, shared, setters, variables)


def sorted_nodes(pipeline: ir.Pipeline) -> list[ir.StepNode]:
    """Return the nodes in the order of the source file, but each after those that its edges and gates name."""
    upstream: dict[str, set[str]] = {node.name: set() for node in pipeline.nodes}
    for edge in pipeline.edges:
        upstream[edge.target.node].add(edge.source.node)
    nodes = {node.name: node for node in cast("Sequence[ir.StepNode]", pipeline.nodes)}
    for node in nodes.values():
        upstream[node.name].update(gate.node for gate in node.policy.gates if gate.node is not None)
    return [nodes[node] for node in in_order(upstream)]
