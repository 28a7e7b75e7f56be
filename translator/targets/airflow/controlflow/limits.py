"""Report what a DAG cannot express of a control-flow graph, before anything is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator import ir
from translator.names import slug
from translator.nodes import branches
from translator.targets.airflow.controlflow.layers import maps_in
from translator.targets.airflow.controlflow.names import each, ids
from translator.targets.airflow.names import MAX_ID_LENGTH

if TYPE_CHECKING:
    from translator.diagnostics import Diagnostics
    from translator.targets.airflow.controlflow.names import Path

_COMPOSITE = ir.ParallelNode | ir.MapNode | ir.LoopNode | ir.ChoiceNode


def check(graph: ir.Graph, diagnostics: Diagnostics, path: Path = (), above: str = "", item: str | None = None) -> None:
    """Report what a DAG cannot express.

    Args:
        graph: a control-flow graph.
        diagnostics: receives the findings.
        path: the path of the graph.
        above: the id of the group that it is in, with a dot.
        item: the argument of its mapped groups, if it is in the body of a map, but not in a mapped group.
    """
    of_nodes = ids(path, [node.name for node in graph.nodes])
    cuts = [of_nodes[node.name] for node in graph.nodes if maps_in(node)]
    group = f"{max((each(item, cut) for cut in cuts), key=len, default=each(item))}." if item else ""
    for node in graph.nodes:
        own = f"{above}{'' if maps_in(node) else group}{of_nodes[node.name]}"
        if not isinstance(node, ir.ExecutionNode | _COMPOSITE):
            kind = type(node).__name__.removesuffix("Node").lower()
            message = f"node {node.name!r}: {kind} nodes have no place in a control-flow graph"
            diagnostics.error(f"unsupported-{kind}", message, node.span)
        elif len(own if isinstance(node, ir.ExecutionNode) else f"{own}.choose") > MAX_ID_LENGTH:
            message = (
                f"node {node.name!r} is nested too deeply for Airflow: with the names of all enclosing steps, its id "
                f"has more than {MAX_ID_LENGTH} characters: {own[:60]}…"
            )
            hint = "shorten its name or that of an enclosing step"
            diagnostics.error("id-too-long", message, node.span, hint=hint)
        else:
            inside = item if maps_in(node) else None
            for branch, inner in branches(node).items():
                below = (*path, node.name, branch)
                match node:
                    case ir.MapNode(item=of_map):
                        check(inner, diagnostics, below, f"{own}.", slug(of_map))
                    case ir.LoopNode(limit=limit):
                        check(inner, diagnostics, below, f"{own}.iteration_{limit - 1}.", inside)
                    case _:
                        of_branches = ids(below[:-1], branches(node))
                        check(inner, diagnostics, below, f"{own}.{of_branches[branch]}.", inside)
