"""Index the edges and setters of a pipeline by node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from translator import ir
from translator.targets.ordering import sorted_nodes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

METHODS = {
    ir.EdgeKind.ARTIFACT: "outputs",
    ir.EdgeKind.INPUT: "inputs",
    ir.EdgeKind.PARAMETER: "parameter",
    ir.EdgeKind.METADATA: "metadata",
}
"""The method of executions that returns what an edge carries, by kind of the edge's source."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The incoming edges and the pipeline parameters of each node; ``nodes`` in an order that can run.

    ``earlier`` are the nodes that are left out of this part of the pipeline and that edges start at.
    """

    pipeline: ir.Pipeline
    nodes: Mapping[str, ir.StepNode]
    edges: Mapping[str, Sequence[ir.Edge]]
    setters: Mapping[str, Mapping[str, str]]
    earlier: Mapping[str, ir.Node]


def plan_of(pipeline: ir.Pipeline) -> Plan:
    """Index a pipeline by node.

    Args:
        pipeline: a pipeline of execution and task nodes only, that has no cycle.
    """
    edges: dict[str, list[ir.Edge]] = {node.name: [] for node in pipeline.nodes}
    for edge in pipeline.incoming:
        edges[edge.target.node].append(edge)
    nodes = {node.name: node for node in sorted_nodes(pipeline)}
    return Plan(pipeline, nodes, edges, _setters(pipeline), {node.name: node for node in pipeline.earlier})


def _setters(pipeline: ir.Pipeline) -> dict[str, dict[str, str]]:
    """Return the pipeline parameter that sets each parameter of each node."""
    setters: dict[str, dict[str, str]] = {node.name: {} for node in pipeline.nodes}
    for parameter in pipeline.parameters:
        for target in parameter.targets:
            setters[target.node][target.parameter] = parameter.name
    return setters
