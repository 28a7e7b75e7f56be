"""Find what Prefect cannot carry, before anything is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator import ir
from translator.checks.values import check as check_values
from translator.targets.prefect.reserved import ARGUMENTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from translator.diagnostics import Diagnostics
    from translator.span import Span

_GRIDS = (ir.GridKind.PRODUCT, ir.GridKind.ZIP, ir.GridKind.FILES)
_INTEGERS = range(-(2**63), 2**63)
"""Integers that the JSON of Prefect's API can carry."""


def check(pipeline: ir.Pipeline, diagnostics: Diagnostics) -> None:
    """Report what a flow cannot carry.

    Args:
        pipeline: the pipeline to be written.
        diagnostics: receives the findings.
    """
    check_values(pipeline, diagnostics)
    for place, span, value in _form_values(pipeline):
        if any(isinstance(atom, int) and atom not in _INTEGERS for atom in atoms(value)):
            message = f"{place} holds a number of more than 64 bits, which Prefect cannot store"
            diagnostics.error("unsupported-value", message, span)
    for given in pipeline.parameters:
        if given.name in ARGUMENTS:
            message = f"Prefect reserves {given.name!r}: the flow's parameter is called '{given.name}_'"
            diagnostics.note("renamed-parameter", message, given.span, hint="its title in the form does not change")
    for node in pipeline.nodes if pipeline.graph.start is None else ():
        if not isinstance(node, ir.ExecutionNode | ir.TaskNode):
            kind = type(node).__name__.removesuffix("Node").lower()
            message = f"node {node.name!r}: {kind} nodes are not translated to Prefect"
            diagnostics.error(f"unsupported-{kind}", message, node.span)
        elif isinstance(node, ir.TaskNode) and node.grid.kind not in _GRIDS:
            kind = node.grid.kind.value
            message = f"node {node.name!r}: a {kind} search is not translated"
            diagnostics.error(f"unsupported-{kind}-search", message, node.grid.span or node.span)


def atoms(value: object) -> Iterator[object]:
    """Yield the single values in a value that may be a tuple of tuples."""
    if isinstance(value, tuple):
        for item in value:
            yield from atoms(item)
    else:
        yield value


def _form_values(pipeline: ir.Pipeline) -> Iterator[tuple[str, Span, object]]:
    """Yield every value that reaches Prefect's parameter form, with its description and its place."""
    for given in pipeline.parameters:
        yield f"the default of pipeline parameter {given.name!r}", given.span, given.default
    for node in pipeline.nodes:
        if isinstance(node, ir.ExecutionNode | ir.TaskNode):
            for parameter in node.step.parameters:
                yield f"parameter {parameter.name!r}", parameter.span, (parameter.default, parameter.choices)
        if isinstance(node, ir.TaskNode):
            for axis in node.grid.axes:
                yield f"the axis {axis.parameter!r} of node {node.name!r}", axis.span, axis.values
            for point in node.grid.points:
                yield f"a parameter set of node {node.name!r}", node.grid.span or node.span, tuple(point.values())
