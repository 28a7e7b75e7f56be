"""What no target can write or no engine can store, found before anything is written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from translator import ir

if TYPE_CHECKING:
    from collections.abc import Iterator

    from translator.diagnostics import Diagnostics
    from translator.span import Span


def check_values(pipeline: ir.Pipeline, diagnostics: Diagnostics) -> None:
    """Report each value of ``pipeline`` that cannot be carried.

    NaN and infinity are no JSON, and PostgreSQL holds no NUL: there, Airflow drops the whole file without a word.
    """
    for place, span, value in _values(pipeline):
        for fault in dict.fromkeys(_faults(value)):
            diagnostics.error("unsupported-value", f"{place} {fault}", span)


def _values(pipeline: ir.Pipeline) -> Iterator[tuple[str, Span, object]]:
    """Every value that reaches a generated file, with what it is and where it stands."""
    yield "the pipeline's name", pipeline.span, pipeline.name
    for given in pipeline.parameters:
        described = (given.name, given.default, given.description)
        yield f"pipeline parameter {given.name!r}", given.span, described
    for edge in pipeline.edges:
        yield f"the edge {str(edge)!r}", edge.span, str(edge)
    for node in pipeline.nodes:
        yield f"the name of node {node.name!r}", node.span, node.name
        if isinstance(node, ir.ExecutionNode | ir.TaskNode):
            yield from _values_of_step(node.step)
        if isinstance(node, ir.TaskNode):
            for axis in node.grid.axes:
                yield f"the axis {axis.parameter!r} of node {node.name!r}", axis.span, axis.values
            for point in node.grid.points:
                yield f"a parameter set of node {node.name!r}", node.grid.span or node.span, point


def _values_of_step(step: ir.Step) -> Iterator[tuple[str, Span, object]]:
    yield f"the command of step {step.name!r}", step.span, step.command
    yield f"step {step.name!r}", step.span, (step.name, step.image, step.source_path)
    yield f"the environment of step {step.name!r}", step.span, step.environment
    for parameter in step.parameters:
        values = (parameter.minimum, parameter.maximum, parameter.default, parameter.choices)
        texts = (parameter.name, parameter.separator, parameter.pass_as, parameter.description)
        yield f"parameter {parameter.name!r} of step {step.name!r}", parameter.span, (values, texts)
    for item in step.inputs:
        yield f"input {item.name!r} of step {step.name!r}", item.span, (item.name, item.default, item.filename)


def _faults(value: object) -> Iterator[str]:
    if isinstance(value, tuple):
        for item in value:
            yield from _faults(item)
    elif isinstance(value, float):
        if not math.isfinite(value):
            yield f"holds {value}, which is no number that can be stored"
    elif isinstance(value, str):
        if "\0" in value:
            yield "holds a NUL character"
        if any("\ud800" <= char <= "\udfff" for char in value):
            yield "holds half of a surrogate pair"
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _faults((key, item))
    elif value is not None and not isinstance(value, int):
        yield f"is of type {type(value).__name__}, which cannot be written"
