"""What a DAG cannot carry of a routed graph, found before anything is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator import ir
from translator.targets.airflow.routed.layers import maps_in
from translator.targets.airflow.routed.names import each, ids
from translator.walk import branches

if TYPE_CHECKING:
    from translator.diagnostics import Diagnostics

MAX_ID_LENGTH = 250
"""Airflow's limit for the id of a task, which begins with the ids of the groups that it is in."""
_COMPOSITE = ir.ParallelNode | ir.MapNode | ir.LoopNode | ir.ChoiceNode


def check(graph: ir.Graph, diagnostics: Diagnostics, above: str = "") -> None:
    """Report what a DAG cannot carry.

    Args:
        graph: a routed graph.
        diagnostics: receives the findings.
        above: the id of the group that it is in, with a dot.
    """
    of_nodes = ids([node.name for node in graph.nodes])
    for node in graph.nodes:
        own = f"{above}{of_nodes[node.name]}"
        if not isinstance(node, ir.ExecutionNode | _COMPOSITE):
            kind = type(node).__name__.removesuffix("Node").lower()
            message = f"node {node.name!r}: {kind} nodes have no place in a routed graph"
            diagnostics.error(f"unsupported-{kind}", message, node.span)
        elif len(own if isinstance(node, ir.ExecutionNode) else f"{own}.choose") > MAX_ID_LENGTH:
            diagnostics.error(
                "id-too-long",
                f"node {node.name!r} is too deep for Airflow: with all that it is part of, its id would have more than "
                f"{MAX_ID_LENGTH} characters: {own[:60]}…",
                node.span,
                hint="give it or what it is part of a shorter name",
            )
        else:
            for branch, inner in branches(node).items():
                check(inner, diagnostics, f"{own}.{_group(node, branch)}.")


def _group(node: ir.Node, branch: str) -> str:
    """The id of the group of a branch; of several the longest."""
    match node:
        case ir.MapNode(item=item, body=body):
            argument = ids([item])[item]
            of_body = ids([inner.name for inner in body.nodes])
            cuts = [of_body[inner.name] for inner in body.nodes if maps_in(inner)]
            return max((each(argument, cut) for cut in cuts), key=len, default=each(argument))
        case ir.LoopNode(limit=limit):
            return f"iteration_{limit - 1}"
        case _:
            return ids(list(branches(node)))[branch]
