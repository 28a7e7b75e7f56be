"""Check nodes and their order: unknown nodes, cycles, nodes that can never start, similar names."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from translator.names import did_you_mean, identifiers

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
    for component in strongly_connected(below):
        first = min(component, key=list(below).index) if len(component) > 1 else component[0]
        if len(component) == 1 and first not in below[first]:
            continue
        tied.update(component)
        path = way_back(first, below, frozenset(component))
        closing = _edge_between(pipeline, path[-2], path[-1])
        message = f"the nodes form a cycle: {' -> '.join(repr(name) for name in path)}"
        if len(path) == 2:  # noqa: PLR2004 - a node and itself
            message = f"node {first!r} depends on itself"
        diagnostics.error("cycle", message, closing.span if closing else spans[first], hint="remove one of the edges")
    for name in _after(tied, below):
        message = f"node {name!r} can never start, because it is downstream of a cycle"
        diagnostics.warning("unreachable-node", message, spans[name])


def strongly_connected(below: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Return the groups of nodes that can reach each other (Tarjan 1972), without recursion.

    Args:
        below: by node, the nodes that its edges lead to.
    """
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    open_nodes: dict[str, None] = {}
    components: list[list[str]] = []
    for root in below:
        if root in index:
            continue
        work = [(root, iter(below[root]))]
        index[root] = low[root] = len(index)
        open_nodes[root] = None
        while work:
            node, successors = work[-1]
            for successor in successors:
                if successor not in index:
                    index[successor] = low[successor] = len(index)
                    open_nodes[successor] = None
                    work.append((successor, iter(below[successor])))
                    break
                if successor in open_nodes:
                    low[node] = min(low[node], index[successor])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    component: list[str] = []
                    while not component or component[-1] != node:
                        component.append(open_nodes.popitem()[0])
                    components.append(component)
    return components


def way_back(start: str, below: Mapping[str, Sequence[str]], inside: frozenset[str]) -> list[str]:
    """Return a shortest path from ``start`` back to ``start``."""
    came: dict[str, str] = {}
    queue = deque([start])
    while queue:
        node = queue.popleft()
        for successor in below[node]:
            if successor == start:
                path = [start, node]
                while path[-1] != start:
                    path.append(came[path[-1]])
                return path[::-1] if node != start else [start, start]
            if successor in inside and successor not in came:
                came[successor] = node
                queue.append(successor)
    return [start, start]


def _edge_between(pipeline: Pipeline, source: str, target: str) -> Edge | None:
    return next((e for e in pipeline.edges if (e.source.node, e.target.node) == (source, target)), None)


def _after(tied: set[str], below: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the nodes downstream of these, in file order."""
    reached = set(tied)
    queue = deque(tied)
    while queue:
        for successor in below[queue.popleft()]:
            if successor not in reached:
                reached.add(successor)
                queue.append(successor)
    return [name for name in below if name in reached and name not in tied]


def _similar_names(pipeline: Pipeline, diagnostics: Diagnostics) -> None:
    names = [node.name for node in pipeline.nodes]
    spans = {node.name: node.span for node in pipeline.nodes}
    taken = identifiers(names)
    owners = {identifier: name for name, identifier in taken.items()}
    for name, identifier in taken.items():
        (alone,) = identifiers([name]).values()
        if identifier != alone and alone in owners:
            message = f"node {name!r} is named {identifier!r} in generated code, because {owners[alone]!r} is {alone!r}"
            diagnostics.note("similar-names", message, spans[name])
