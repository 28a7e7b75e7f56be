"""What a DAG cannot carry of a routed graph, found before anything is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator import ir

if TYPE_CHECKING:
    from translator.diagnostics import Diagnostics


def check(graph: ir.Graph, diagnostics: Diagnostics, *, in_map: str | None = None) -> None:
    """Report what a DAG cannot carry.

    Args:
        graph: a routed graph.
        diagnostics: receives the findings.
        in_map: the map that the graph is part of.
    """
    for node in graph.nodes:
        match node:
            case ir.ExecutionNode():
                continue
            case ir.MapNode(body=body):
                if in_map is not None:
                    diagnostics.error(
                        "unsupported-nested-map",
                        f"node {node.name!r}: a map inside the map {in_map!r} is not translated to Airflow yet",
                        node.span,
                        hint="map over one list of all combinations",
                    )
                check(body, diagnostics, in_map=node.name)
            case ir.LoopNode(body=body):
                check(body, diagnostics, in_map=in_map)
            case ir.ParallelNode(branches=branches) | ir.ChoiceNode(cases=branches):
                for branch in branches.values():
                    check(branch, diagnostics, in_map=in_map)
            case _:
                kind = type(node).__name__.removesuffix("Node").lower()
                diagnostics.error(
                    f"unsupported-{kind}",
                    f"node {node.name!r}: {kind} nodes have no place in a routed graph",
                    node.span,
                )
