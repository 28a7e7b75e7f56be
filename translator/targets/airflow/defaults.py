"""Check the default of each DAG param against its own schema, as Airflow does when a DAG is triggered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator import ir
from translator.nodes import step_nodes
from translator.targets.airflow.forms import ALL, params_of
from translator.targets.airflow.nodes import form_of
from translator.targets.airflow.plan import plan_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from translator.diagnostics import Diagnostics
    from translator.span import Span
    from translator.targets.render import Call

_SHOWN = ("title", "description", "section")


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
    from jsonschema import Draft202012Validator

    schema = {key: value for key, value in param.keywords if key not in _SHOWN}
    if not schema:
        return None
    error = next(iter(Draft202012Validator(schema).iter_errors(param.arguments[0])), None)
    return None if error is None else str(error.message)


def _places(pipeline: ir.Pipeline) -> Iterator[tuple[str, Span]]:
    for pipeline_parameter in pipeline.parameters:
        yield pipeline_parameter.name, pipeline_parameter.span
    for node in step_nodes(pipeline).values():
        for parameter in node.step.parameters:
            yield f"{node.name}.{parameter.name}", parameter.span
        if isinstance(node, ir.TaskNode):
            yield f"{node.name}.{ALL}", node.grid.span or node.span
            for axis in node.grid.axes:
                yield f"{node.name}.{axis.parameter}", axis.span
