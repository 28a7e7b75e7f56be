"""Index what a pipeline says about each node: its incoming edges, and what sets its parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from translator import ir
from translator.targets.airflow.names import node_ids
from translator.targets.airflow.settings import of_tasks
from translator.targets.reuse import reuse_of

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    from translator.targets.reuse import Reuse

REFERENCES = {
    ir.EdgeKind.ARTIFACT: "output",
    ir.EdgeKind.INPUT: "same_input",
    ir.EdgeKind.PARAMETER: "parameter",
    ir.EdgeKind.METADATA: "metadata",
}
"""The function that refers to an edge's source in a DAG file, by kind."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The connections of a pipeline's nodes: incoming edges, and what sets parameters.

    ``edges`` are those that bring something, by node and kind of their target; ``setters`` the pipeline parameters, by
    node and parameter; ``on_error`` is the rule of nodes without one. ``variables`` are the variables that hold
    the nodes, ``ids`` those of their tasks and groups, ``hooks`` by dotted name the names of imported hooks.
    ``settings`` are those that all tasks share. ``earlier`` are the nodes that are left out of this part of the
    pipeline and that edges start at. ``reuse`` says which nodes reuse results.
    """

    edges: Mapping[tuple[str, ir.EdgeKind], Sequence[ir.Edge]]
    on_error: ir.OnError
    setters: Mapping[str, Mapping[str, Sequence[ir.PipelineParameter]]]
    variables: Mapping[str, str]
    ids: Mapping[str, str]
    hooks: Mapping[str, str]
    settings: Mapping[str, ir.Json]
    earlier: Container[str]
    reuse: Reuse | None

    def into(self, node: ir.StepNode, kind: ir.EdgeKind) -> Sequence[ir.Edge]:
        """Return the edges that end in ports of one kind of ``node``, in the order of the source file."""
        return self.edges.get((node.name, kind), ())


def plan_of(pipeline: ir.Pipeline, variables: Mapping[str, str], hooks: Mapping[str, str]) -> Plan:
    """Index the edges, setters and rules of a pipeline by node.

    Args:
        pipeline: the pipeline.
        variables: by node, also those that are left out, the variable that holds it.
        hooks: by dotted name, the name of a hook in the file.
    """
    edges: dict[tuple[str, ir.EdgeKind], list[ir.Edge]] = {}
    for edge in pipeline.incoming:
        if edge.source.kind in REFERENCES:
            edges.setdefault((edge.target.node, edge.target.kind), []).append(edge)
    setters: dict[str, dict[str, list[ir.PipelineParameter]]] = {}
    for parameter in pipeline.parameters:
        for target in parameter.targets:
            setters.setdefault(target.node, {}).setdefault(target.parameter, []).append(parameter)
    rules = {node.policy.on_error for node in pipeline.nodes}
    # Nodes with the same rule share it; in Loom, all nodes do.
    shared = rules.pop() if len(rules) == 1 and len(pipeline.nodes) > 1 else ir.OnError.STOP_ALL
    earlier = frozenset(node.name for node in pipeline.earlier)
    reuse = reuse_of(pipeline, [parameter.name for parameter in pipeline.parameters])
    return Plan(edges, shared, setters, variables, node_ids(pipeline), hooks, of_tasks(pipeline), earlier, reuse)
