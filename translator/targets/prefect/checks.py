"""What Prefect cannot carry, found before anything is written."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from translator import ir

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from translator.diagnostics import Diagnostics
    from translator.span import Span

_INTEGERS = range(-(2**63), 2**63)
"""Integers that the JSON of Prefect's API can carry."""


def check(pipeline: ir.Pipeline, diagnostics: Diagnostics) -> None:
    """Report what a flow cannot carry.

    Args:
        pipeline: the pipeline to be written.
        diagnostics: receives the findings.
    """
    for place, span, value in _values(pipeline):
        if fault := _fault(value):
            diagnostics.error("unsupported-value", f"{place} {fault}", span)
    for node in pipeline.nodes:
        if not isinstance(node, (ir.ExecutionNode, ir.TaskNode)):
            kind = type(node).__name__.removesuffix("Node").lower()
            message = f"node {node.name!r}: {kind} nodes are not translated to Prefect"
            diagnostics.error(f"unsupported-{kind}", message, node.span)
        elif isinstance(node, ir.TaskNode) and node.grid.kind not in (ir.GridKind.PRODUCT, ir.GridKind.ZIP):
            kind = node.grid.kind.value
            message = f"node {node.name!r}: a {kind} search is not translated"
            diagnostics.error(f"unsupported-{kind}-search", message, node.grid.span or node.span)


def _values(pipeline: ir.Pipeline) -> Iterator[tuple[str, Span, object]]:
    """Every value that reaches the generated file, with what it is and where it stands."""
    yield "the pipeline's name", pipeline.span, pipeline.name
    for given in pipeline.parameters:
        yield f"the default of pipeline parameter {given.name!r}", given.span, given.default
    for edge in pipeline.edges:
        yield f"the edge {str(edge)!r}", edge.span, str(edge)
    for node in pipeline.nodes:
        yield "the name of a node", node.span, node.name
        if isinstance(node, (ir.ExecutionNode, ir.TaskNode)):
            yield from _values_of_step(node.step)
        if isinstance(node, ir.TaskNode):
            for axis in node.grid.axes:
                yield f"the axis {axis.parameter!r} of {node.name!r}", axis.span, axis.values
            for point in node.grid.points:
                yield f"a parameter set of {node.name!r}", node.grid.span or node.span, tuple(point.values())


def _values_of_step(step: ir.Step) -> Iterator[tuple[str, Span, object]]:
    yield f"the command of step {step.name!r}", step.span, (*step.command, step.image, step.name)
    yield f"the environment of step {step.name!r}", step.span, (*step.environment, *step.environment.values())
    for parameter in step.parameters:
        numbers = (parameter.minimum, parameter.maximum, parameter.default, parameter.choices)
        yield f"a value of parameter {parameter.name!r}", parameter.span, numbers
    for item in step.inputs:
        yield f"the default of input {item.name!r}", item.span, item.default


def _fault(value: object) -> str | None:
    """Why no flow can carry ``value``, if none can."""
    faults = (
        "is not a finite number" if isinstance(atom, float) and not math.isfinite(atom) else
        "is a number of more than 64 bits" if isinstance(atom, int) and atom not in _INTEGERS else
        "holds a NUL character" if isinstance(atom, str) and "\0" in atom else
        "holds half of a surrogate pair" if isinstance(atom, str) and not _encodable(atom) else
        None
        for atom in _atoms(value)
    )  # fmt: skip
    return next((fault for fault in faults if fault), None)


def _atoms(value: object) -> Iterable[object]:
    if isinstance(value, tuple):
        for item in value:
            yield from _atoms(item)
    else:
        yield value


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
