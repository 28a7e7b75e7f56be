"""Check the default of each DAG param against its own schema, as Airflow does when a DAG is triggered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from translator import ir
from translator.launch_inputs import key
from translator.nodes import step_nodes
from translator.targets.airflow.forms import ALL, params_of
from translator.targets.airflow.nodes import form_of
from translator.targets.airflow.plan import plan_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from translator.diagnostics import Diagnostics
    from translator.span import Span
    from translator.targets.render import Call

_SHOWN = ("title", "description", "section")
_COMMON = frozenset(("type", "enum", "minimum", "maximum", "items", "minItems"))
_NAMES: Mapping[type, frozenset[str]] = {
    str: frozenset(("string",)),
    bool: frozenset(("boolean",)),
    int: frozenset(("integer", "number")),
    float: frozenset(("number",)),
    type(None): frozenset(("null",)),
    list: frozenset(("array",)),
}
"""The names of the types of JSON Schema, by type of Python."""


def check(pipeline: ir.Pipeline, diagnostics: Diagnostics) -> None:
    """Report the defaults with which a DAG could not be triggered.

    Args:
        pipeline: a pipeline of execution nodes and task nodes.
        diagnostics: receives the findings.
    """
    places = dict(_places(pipeline))
    params: dict[str, Call] = dict(params_of(pipeline))
    plan = plan_of(pipeline, {node.name: node.name for node in pipeline.nodes}, {})
    for node in step_nodes(pipeline).values():
        params.update(form_of(plan, node).params)
    for name, param in params.items():
        reason = _fault(param)
        if reason is not None:
            message = f"a run cannot start with the default of {name!r}: {reason}"
            diagnostics.error("bad-default", message, places.get(name, pipeline.span))


def _fault(param: Call) -> str | None:
    if param.function.text != "Param" or not param.arguments:  # its default is valid, or has to be given
        return None
    schema = {key: value for key, value in param.keywords if key not in _SHOWN}
    value = param.arguments[0]
    if not schema or is_surely_valid(value, schema):
        return None
    from jsonschema import Draft202012Validator

    error = next(iter(Draft202012Validator(schema).iter_errors(value)), None)
    return None if error is None else str(error.message)


def is_surely_valid(value: object, schema: Mapping[str, Any]) -> bool:
    """Return whether a value matches a schema of common keywords only; if False, ask the validator.

    The validator takes longer to import than a usual pipeline to translate.
    """
    if not schema.keys() <= _COMMON or "type" not in schema:
        return False
    types = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    if not _NAMES.get(type(value), frozenset()) & frozenset(types):
        return False
    if "enum" in schema and not any(type(choice) is type(value) and choice == value for choice in schema["enum"]):
        return False
    if isinstance(value, list):
        few = len(value) < schema.get("minItems", 0)
        listed = "enum" in schema  # in lists, Python takes True for 1.0, and the validator does not
        return not few and not listed and all(is_surely_valid(item, schema.get("items", {})) for item in value)
    if isinstance(value, (int, float)):
        return bool(schema.get("minimum", value) <= value <= schema.get("maximum", value))
    return True


def _places(pipeline: ir.Pipeline) -> Iterator[tuple[str, Span]]:
    for pipeline_parameter in pipeline.parameters:
        yield pipeline_parameter.name, pipeline_parameter.span
    for node in step_nodes(pipeline).values():
        for parameter in node.step.parameters:
            yield f"{node.name}.{parameter.name}", parameter.span
        for step_input in node.step.inputs:
            yield key(node.name, step_input.name), step_input.span
        if isinstance(node, ir.TaskNode):
            yield f"{node.name}.{ALL}", node.grid.span or node.span
            for axis in node.grid.axes:
                yield f"{node.name}.{axis.parameter}", axis.span
