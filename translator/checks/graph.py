"""Check nodes and their order: unknown nodes, cycles, nodes that can never start, similar names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator.graphs import cycles, reachable
from translator.names import did_you_mean, identifiers, slug

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from translator.diagnostics import Diagnostics
    from translator.ir import Edge, Pipeline


def check(pipeline: Pipeline, diagnostics: Diagnostics, *, whole: bool) -> None:
    """Check the graph of a pipeline; see ``translator.checks.check``."""
    names = [node.name for node in pipeline.nodes]
    _unknown_nodes(pipeline, frozenset(names), diagnostics)
    if not names and whole:
        diagnostics.warning("no-nodes", f"pipeline {pipeline.name!r} has no nodes", pipeline.span)
    below: dict[str, list[str]] = {name: [] for name in names}
    for edge in pipeline.edges:
        if edge.source.node in below and edge.target.node in below:
            below[edge.source.node].append(edge.target.node)
    _cycles(pipeline, below, diagnostics)
    _similar_names(pipeline, diagnostics)


def _unknown_nodes(pipeline: Pipeline, names: frozenset[str], diagnostics: Diagnostics) -> None:
    known = sorted(names)
    for edge in pipeline.edges:
        for port in (edge.source, edge.target):
            if port.node not in names:
                hint = did_you_mean(port.node, known, "nodes")
                message = f"there is no node called {port.node!r}"
                diagnostics.error("unknown-node", message, port.span or edge.span, hint=hint)
    for parameter in pipeline.parameters:
        for target in parameter.targets:
            if target.node not in names:
                hint = did_you_mean(target.node, known, "nodes")
                message = f"there is no node called {target.node!r}"
                diagnostics.error("unknown-node", message, target.span or parameter.span, hint=hint)


def _cycles(pipeline: Pipeline, below: Mapping[str, Sequence[str]], diagnostics: Diagnostics) -> None:
    spans = {node.name: node.span for node in pipeline.nodes}
    tied: set[str] = set()
    for component, path in cycles(below):
        tied |= component
        closing = _edge_between(pipeline, path[-2], path[-1])
        message = f"the nodes form a cycle: {' -> '.join(repr(name) for name in path)}"
        if len(path) == 2:  # noqa: PLR2004 - a node and itself
            message = f"node {path[0]!r} depends on itself"
        diagnostics.error("cycle", message, closing.span if closing else spans[path[0]], hint="remove one of the edges")
    downstream = reachable(tied, below) - tied
    for name in filter(downstream.__contains__, below):
        message = f"node {name!r} can never start, because it is downstream of a cycle"
        diagnostics.warning("unreachable-node", message, spans[name])


def _edge_between(pipeline: Pipeline, source: str, target: str) -> Edge | None:
    return next((e for e in pipeline.edges if (e.source.node, e.target.node) == (source, target)), None)


def _similar_names(pipeline: Pipeline, diagnostics: Diagnostics) -> None:
    names = [node.name for node in pipeline.nodes]
    spans = {node.name: node.span for node in pipeline.nodes}
    alike: dict[str, list[str]] = {}
    for name in names:
        alike.setdefault(slug(name), []).append(name)
    for name, identifier in identifiers(names).items():
        others = [repr(other) for other in alike[slug(name)] if other != name]
        if others and identifier != identifiers([name])[name]:
            message = f"node {name!r} is named {identifier!r} in generated code, because it is similar to {others[0]}"
            diagnostics.note("similar-names", message, spans[name])
