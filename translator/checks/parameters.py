"""Check pipeline parameters: their targets, and whether their defaults are valid for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from translator import ir
from translator.checks.values import unfit
from translator.ir import EdgeKind
from translator.names import did_you_mean
from translator.nodes import step_nodes

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from translator.diagnostics import Diagnostics


def check(pipeline: ir.Pipeline, diagnostics: Diagnostics) -> None:
    """Check the parameters of a pipeline; see ``translator.checks.check``."""
    nodes = step_nodes(pipeline)
    by_edge = {
        (edge.target.node, edge.target.key): edge
        for edge in pipeline.incoming
        if edge.target.kind is EdgeKind.PARAMETER
    }
    _check_defaults(pipeline, nodes.values(), by_edge, diagnostics)
    names: dict[str, ir.PipelineParameter] = {}
    owners: dict[ir.ParameterTarget, ir.PipelineParameter] = {}
    for parameter in pipeline.parameters:
        if names.setdefault(parameter.name, parameter) is not parameter:
            message = f"there are two pipeline parameters named {parameter.name!r}"
            hint = f"the first is on line {names[parameter.name].span.line}"
            diagnostics.error("duplicate-parameter", message, parameter.span, hint=hint)
        for target in parameter.targets:
            place = target.span or parameter.span
            other = owners.setdefault(target, parameter)
            if other is not parameter:
                message = f"pipeline parameters {other.name!r} and {parameter.name!r} both set {_target_text(target)}"
                diagnostics.error("two-values", message, place)
            node = nodes.get(target.node)
            if node is not None:
                _check_target(parameter, target, node, diagnostics)
            edge = by_edge.get((target.node, target.parameter))
            if edge is not None:
                message = (
                    f"pipeline parameter {parameter.name!r} has no effect on {_target_text(target)}: an edge sets it"
                )
                diagnostics.warning(
                    "overridden-parameter", message, place, hint=f"the edge is on line {edge.span.line}"
                )


def _check_target(
    parameter: ir.PipelineParameter, target: ir.ParameterTarget, node: ir.StepNode, diagnostics: Diagnostics
) -> None:
    step_parameter = next((p for p in node.step.parameters if p.name == target.parameter), None)
    if step_parameter is not None:
        _check_default(parameter, step_parameter, node, diagnostics)
        return
    hint = did_you_mean(target.parameter, [p.name for p in node.step.parameters], "its parameters")
    message = f"node {node.name!r} has no parameter {target.parameter!r}"
    diagnostics.error("unknown-parameter", message, target.span or parameter.span, hint=hint)


def _check_defaults(
    pipeline: ir.Pipeline,
    nodes: Iterable[ir.StepNode],
    by_edge: Container[tuple[str, str]],
    diagnostics: Diagnostics,
) -> None:
    """Report defaults of steps that a run would use and that their parameters do not accept."""
    replaced = {
        (target.node, target.parameter)
        for parameter in pipeline.parameters
        if parameter.default is not None
        for target in parameter.targets
    }
    for node in nodes:
        spanned = node.grid.parameters if isinstance(node, ir.TaskNode) else frozenset()
        for parameter in node.step.parameters:
            reason = suits(parameter, parameter.default, spreads=False)
            if (
                reason is None
                or any(unfit(atom) for atom in _atoms(parameter.default))
                or parameter.name in spanned
                or (node.name, parameter.name) in replaced
            ):
                continue
            message = f"the default is invalid for node {node.name!r}: {reason}"
            if (node.name, parameter.name) in by_edge:
                diagnostics.warning(
                    "bad-default", message, parameter.span, hint="it applies if the edge passes no value"
                )
                continue
            hint = None
            if isinstance(node, ir.TaskNode) and isinstance(parameter.default, tuple) and parameter.multiple is None:
                hint = "to use the list as an axis, set it in a pipeline parameter or a task blueprint"
            diagnostics.error("bad-default", message, parameter.span, hint=hint)


def _atoms(value: ir.Value) -> tuple[ir.Scalar, ...]:
    return value if isinstance(value, tuple) else (value,)


def suits(parameter: ir.Parameter, value: ir.Value, *, spreads: bool) -> str | None:
    """Return why a value is invalid for a parameter; None if it is valid.

    Args:
        parameter: the parameter.
        value: the value.
        spreads: whether the parameter is a task node's, where a list becomes the axis of its grid.
    """
    from translator.runtime import coerced
    from translator.shim.parameters import ParameterError

    values = value if spreads and isinstance(value, tuple) else (value,)
    if spreads and values is value and None in values:
        return f"parameter {parameter.name!r}: a list of values cannot contain null"
    for single in values:
        try:
            coerced(parameter, single)
        except ParameterError as error:
            return str(error)
    return None


def _check_default(
    parameter: ir.PipelineParameter, target: ir.Parameter, node: ir.StepNode, diagnostics: Diagnostics
) -> None:
    if parameter.default is None:
        return
    # Only parameters of a dataflow graph have targets; those of a control-flow graph accept any value.
    reason = suits(target, cast("ir.Value", parameter.default), spreads=isinstance(node, ir.TaskNode))
    if reason is not None:
        message = f"the default of pipeline parameter {parameter.name!r} is invalid for node {node.name!r}: {reason}"
        diagnostics.error("bad-default", message, parameter.span, hint=_several_runs(parameter, target, node))


def _several_runs(parameter: ir.PipelineParameter, target: ir.Parameter, node: ir.StepNode) -> str | None:
    """Return how to run a pipeline once per value of a list, which the source system does when a run is started."""
    values = parameter.default
    spreads = isinstance(node, ir.TaskNode)
    if not isinstance(values, tuple) or not values or any(isinstance(one, tuple) for one in values):
        return None
    if any(suits(target, cast("ir.Value", one), spreads=spreads) for one in values):
        return None
    import json  # slow to import, and needed for this mistake only
    from shlex import quote

    option = quote(f"{parameter.name}={json.dumps(values, separators=(',', ':'))}")
    return f"for one run of the pipeline per value, write one value here, and give all with --matrix {option}"


def _target_text(target: ir.ParameterTarget) -> str:
    return f"parameter {target.parameter!r} of node {target.node!r}"
