"""Check names that engines do not show: line breaks, control characters, direction marks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from translator import ir
from translator.nodes import named_branches, walk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from translator.diagnostics import Diagnostics
    from translator.span import Span

_ODD = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
"""Control characters, line breaks, and marks that change the direction of text; not the joiners of scripts."""


def is_odd(name: str) -> bool:
    """Return whether ``name`` contains a control character."""
    return _ODD.search(name) is not None


def flattened(name: str) -> str:
    """Return ``name`` as one line without control characters."""
    return " ".join(_ODD.sub(" ", name).split())


def check(pipeline: ir.Pipeline, diagnostics: Diagnostics) -> None:
    """Check the names of a pipeline; see ``translator.checks.check``."""
    seen: set[tuple[str, str]] = set()
    for what, name, place in _names(pipeline):
        odd = _ODD.search(name)
        if odd is not None and (what, name) not in seen:
            seen.add((what, name))
            message = f"the name of {what} {flattened(name)!r} contains the control character U+{ord(odd.group()):04X}"
            hint = "write the name on one line; 'name: >' adds a line feed"
            diagnostics.error("control-in-name", message, place, hint=hint)


def _names(pipeline: ir.Pipeline) -> Iterator[tuple[str, str, Span]]:
    """Yield the names that reach an engine, except the pipeline's own, which is flattened."""
    for parameter in pipeline.parameters:
        yield "pipeline parameter", parameter.name, parameter.span
    steps: set[int] = set()
    for path, node in walk(pipeline.graph):
        yield "node", path[-1], node.span
        for branch in named_branches(node):
            yield "branch", branch, node.span
        if isinstance(node, ir.StepNode):
            if node.group is not None:
                yield "group", node.group, node.span
            if id(node.step) not in steps:
                steps.add(id(node.step))
                yield "step", node.step.name, node.step.span
                yield from (("parameter", each.name, each.span) for each in node.step.parameters)
                yield from (("input", each.name, each.span) for each in node.step.inputs)
