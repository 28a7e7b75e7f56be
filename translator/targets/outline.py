"""Outline a control-flow graph for readers of a generated file: one line per node, indented by branch."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from translator import ir
from translator.diagnostics import printable
from translator.ir import Outcome
from translator.names import enumeration
from translator.nodes import BODY, COMPLETE, ERROR, branches, composite_text, reached_nodes, routes
from translator.targets.render import WIDTH, code

if TYPE_CHECKING:
    from collections.abc import Iterator

    from translator.nodes import Target

_INDENT = "  "
_WIDTH = WIDTH - len("# ")
# How a sentence names the outcomes of a node after which a part starts.
_AFTER = {
    frozenset({Outcome.COMPLETE}): "",
    frozenset({Outcome.ERROR}): " failed",
    frozenset(Outcome): " (completed or failed)",
}


def part_text(pipeline: ir.Pipeline) -> str | None:
    """Return which part of a pipeline a file has, what is left out, and what replaces it; None for a whole pipeline."""
    part = pipeline.part
    if part is None:
        return None
    listed = ", ".join(code(node.name) for node in part.left_out)
    which = "the latest earlier run" if part.run is None else f"the run {code(part.run)}"
    sources = enumeration(code(node.name) for node in pipeline.earlier)
    taken = f" Files and values of {sources} come from {which}." if sources else ""
    if part.after:
        outcomes: dict[str, set[Outcome]] = {}
        for name, outcome in part.after:
            outcomes.setdefault(name, set()).add(outcome)
        places = " or ".join(f"{code(name)}{_AFTER[frozenset(ends)]}" for name, ends in outcomes.items())
        taken = f" It starts with the parameters and files of {which}, as they were there after {places}."
    return f"Only a part of the pipeline {code(pipeline.name)}: {part.label}. Left out: {listed}.{taken}"


def outline(graph: ir.Graph) -> tuple[str, ...]:
    """Return the lines of the outline of a graph; none if its nodes only follow each other."""
    if all(isinstance(node, ir.ExecutionNode) and routes(node)[1] == ERROR for node in graph.nodes):
        return ()
    return tuple(_lines(graph, 0))


def _lines(graph: ir.Graph, depth: int) -> Iterator[str]:
    margin = _INDENT * depth
    reached = reached_nodes(graph)
    for node in graph.nodes:
        kind = composite_text(node)
        unreachable = "" if node.name in reached else " (unreachable)"
        yield from _wrapped(f"{node.name}{f': {kind}' if kind else ''}{_routes(node)}{unreachable}", margin)
        for name, branch in branches(node).items():
            if name != BODY:
                word = "case" if isinstance(node, ir.ChoiceNode) else "branch"
                yield from _wrapped(f"{word} {name}", margin + _INDENT)
            yield from _lines(branch, depth + (1 if name == BODY else 2))


def _wrapped(text: str, margin: str) -> list[str]:
    hanging = margin + 2 * _INDENT
    return textwrap.wrap(printable(text), _WIDTH, initial_indent=margin, subsequent_indent=hanging, tabsize=1)


def _routes(node: ir.Node) -> str:
    """Return the routes of a node, without the usual ends."""
    after, instead = routes(node)
    usual = "" if after == COMPLETE else f" -> {_target(after)}"
    return usual if instead == ERROR else f"{usual}; if it fails -> {_target(instead)}"


def _target(target: Target) -> str:
    if isinstance(target, str):
        return target
    return "success" if target == COMPLETE else "fail"
