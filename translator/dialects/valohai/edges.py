"""Read edges: the nodes that they connect, and what they pass on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator import ir
from translator.ir import EdgeKind
from translator.names import did_you_mean
from translator.span import Span

if TYPE_CHECKING:
    from collections.abc import Container

    from translator.diagnostics import Diagnostics
    from translator.source import Located

_PARTS = 3
_PLURALS = {f"{kind}s": kind for kind in ("output", "input", "parameter")}

PAIRS = {
    EdgeKind.ARTIFACT: (EdgeKind.INPUT, EdgeKind.FILE),
    EdgeKind.INPUT: (EdgeKind.INPUT,),
    EdgeKind.PARAMETER: (EdgeKind.PARAMETER, EdgeKind.ENVIRONMENT_VARIABLE),
    EdgeKind.METADATA: (EdgeKind.PARAMETER, EdgeKind.ENVIRONMENT_VARIABLE),
    EdgeKind.ENVIRONMENT_VARIABLE: (EdgeKind.ENVIRONMENT_VARIABLE,),
    EdgeKind.DEPENDENCY: (EdgeKind.DEPENDENCY,),
    EdgeKind.DEPLOYMENT: (EdgeKind.PARAMETER,),
    EdgeKind.FILE: (),
}
"""The kinds of ports at which an edge may end, by the kind at which it starts."""


def read_edge(edge: Located, nodes: Container[str], diagnostics: Diagnostics) -> ir.Edge | None:
    """Read an edge in its short form (a list) or its long form (a mapping).

    Args:
        edge: the edge, valid by its schema.
        nodes: the names of all nodes of the pipeline.
        diagnostics: receives what is refused or wrong.

    Returns:
        The edge; None if it is refused or wrong. Its nodes, inputs and parameters may still be unknown.
    """
    if edge.items is not None:
        if len(edge.items) != 2:  # noqa: PLR2004 - a source and a target
            message = "an edge needs a source and a target: [node.output.pattern, node.input.name]"
            diagnostics.error("bad-value", message, edge.span)
            return None
        ends = (edge.items[0], edge.items[1])
    else:
        source, target = edge.get("source"), edge.get("target")
        if source is None or target is None:
            return None
        ends = (source, target)
        configuration = edge.get("configuration")
        if configuration is not None and configuration.value:
            message = "'configuration' is ignored, because it has no meaning in Valohai"
            diagnostics.note("ignored-configuration", message, edge.key_span("configuration"))
    source_port = read_port(ends[0], nodes, diagnostics)
    target_port = read_port(ends[1], nodes, diagnostics)
    if source_port is None or target_port is None:
        return None
    read = ir.Edge(source_port, target_port, _across(*ends))
    return read if _fits(read, diagnostics) else None


def read_port(end: Located, nodes: Container[str], diagnostics: Diagnostics) -> ir.Port | None:
    """Read one end of an edge, ``node.kind.key``; only the first two dots separate, so that a key may contain dots."""
    parts = str(end.value).split(".", 2)
    if len(parts) != _PARTS:
        message = f"{end.value!r} is not of the form node.kind.key, like train.output.model.pkl"
        diagnostics.error("bad-port", message, end.span)
        return None
    node, kind, key = parts
    if kind in _PLURALS:
        message = f"{kind!r} is treated as {_PLURALS[kind]!r}"
        diagnostics.note("plural-port", message, end.span, hint="Valohai's own linter accepts only the singular")
        kind = _PLURALS[kind]
    if kind not in list(EdgeKind):
        hint = did_you_mean(kind, list(EdgeKind), "kinds")
        if node not in nodes and f"{node}.{kind}" in nodes:
            hint = "an edge cannot name a node whose name has a dot; rename the node"
        diagnostics.error("unknown-port", f"nodes have no port {kind!r}", end.span, hint=hint)
        return None
    return ir.Port(node, EdgeKind(kind), key, end.span)


def _fits(edge: ir.Edge, diagnostics: Diagnostics) -> bool:
    source, target = edge.source.kind, edge.target.kind
    if target in PAIRS[source]:
        return True
    wanted = " or ".join(repr(str(kind)) for kind in PAIRS[source])
    message = f"an edge from '{source}' cannot end in '{target}', only in {wanted}"
    if not PAIRS[source]:
        message = f"an edge cannot start in '{source}'"
    diagnostics.error("bad-edge", message, edge.span)
    return False


def _across(source: Located, target: Located) -> Span:
    """Return the span of both ends, in either order."""
    first, last = sorted((source.span, target.span))
    return Span(first.file, first.line, first.column, last.end_line, last.end_column)
