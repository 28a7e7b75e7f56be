"""Resolve edges into environment variables.

Values of variables are known during translation, so an edge between two variables sets the second one then. A variable
that gets its value from a parameter or metadata is known at run time only: an edge from such a variable becomes one
from that parameter or metadata.
"""

from __future__ import annotations

import dataclasses
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from translator import ir
from translator.ir import EdgeKind
from translator.names import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from translator.diagnostics import Diagnostics

    Ports: TypeAlias = dict[tuple[str, str], ir.Port]


def with_environment(
    nodes: Mapping[str, ir.StepNode], edges: Iterable[ir.Edge], diagnostics: Diagnostics
) -> tuple[dict[str, ir.StepNode], list[ir.Edge]]:
    """Return the nodes with the variables that edges set, and the edges that remain.

    Args:
        nodes: the nodes by name.
        edges: the edges between them.
        diagnostics: receives unknown variables.
    """
    result, listed = dict(nodes), list(edges)
    later: Ports = {
        (edge.target.node, edge.target.key): edge.source
        for edge in listed
        if edge.target.kind is EdgeKind.ENVIRONMENT_VARIABLE and edge.source.kind is not EdgeKind.ENVIRONMENT_VARIABLE
    }
    waiting = [edge for edge in listed if edge.source.kind is EdgeKind.ENVIRONMENT_VARIABLE]
    while waiting:
        blocked = {(edge.target.node, edge.target.key) for edge in waiting}
        ready = [edge for edge in waiting if (edge.source.node, edge.source.key) not in blocked]
        if not ready:
            break  # a cycle, which the checks report
        for edge in ready:
            source, target = result.get(edge.source.node), result.get(edge.target.node)
            if source is not None and target is not None:
                origin = later.get((edge.source.node, edge.source.key))
                result[edge.target.node] = _with_variable(target, edge, source.step, origin, diagnostics)
                if origin is not None:
                    later.setdefault((edge.target.node, edge.target.key), origin)
                    position = listed.index(edge)
                    listed[position : position + 1] = _from_origin(edge, origin)
        waiting = [edge for edge in waiting if edge not in ready]
    return result, listed


def _from_origin(edge: ir.Edge, origin: ir.Port) -> list[ir.Edge]:
    """Return an edge from where a variable gets its value, and one that keeps the order of the nodes."""
    first, last = (dataclasses.replace(port, kind=EdgeKind.DEPENDENCY, key="*") for port in (edge.source, edge.target))
    return [ir.Edge(origin, edge.target, edge.span), ir.Edge(first, last, edge.span)]


def _with_variable(
    node: ir.StepNode, edge: ir.Edge, source: ir.Step, origin: ir.Port | None, diagnostics: Diagnostics
) -> ir.StepNode:
    value = source.environment.get(edge.source.key)
    if value is None:
        if origin is None:
            hint = did_you_mean(edge.source.key, source.environment, "its variables with a value")
            message = f"{edge.source.key!r} of node {edge.source.node!r} has no value in this file"
            diagnostics.error("unknown-environment-variable", message, edge.source.span or edge.span, hint=hint)
        return node
    step = dataclasses.replace(
        node.step,
        environment=MappingProxyType({**node.step.environment, edge.target.key: value}),
        required_environment=tuple(name for name in node.step.required_environment if name != edge.target.key),
    )
    return dataclasses.replace(node, step=step)
