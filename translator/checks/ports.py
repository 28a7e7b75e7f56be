"""Check the ends of edges: that inputs and parameters exist, and that required inputs have a source."""

from __future__ import annotations

from fnmatch import fnmatchcase
from shlex import quote
from typing import TYPE_CHECKING

from translator import ir
from translator.checks.grids import nodes_with_later_axes, size
from translator.ir import EdgeKind
from translator.launch_inputs import all_launch_inputs, required
from translator.names import did_you_mean
from translator.nodes import step_nodes

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from translator.diagnostics import Diagnostics

_BAD_SEGMENTS = ("", ".", "..")


def check(pipeline: ir.Pipeline, diagnostics: Diagnostics, *, whole: bool) -> None:
    """Check what the edges of a pipeline connect; see ``translator.checks.check``."""
    nodes = step_nodes(pipeline)
    earlier = {node.name: node for node in pipeline.earlier if isinstance(node, ir.StepNode)}
    open_ended = nodes_with_later_axes(pipeline)
    for edge in pipeline.incoming:
        source, target = {**earlier, **nodes}.get(edge.source.node), nodes.get(edge.target.node)
        if source is not None:
            _check_source(edge, source, diagnostics)
        if target is not None:
            _check_target(edge, target, diagnostics)
        if source is not None and target is not None:
            _check_fan_in(edge, source, target, open_ended, diagnostics)
    _two_edges(pipeline, diagnostics)
    for node in nodes.values():
        _names(node.step, diagnostics)
    _namesakes(pipeline, nodes, diagnostics)
    if whole:
        _required(pipeline, diagnostics)


def _check_source(edge: ir.Edge, node: ir.StepNode, diagnostics: Diagnostics) -> None:
    key, place = edge.source.key, edge.source.span or edge.span
    if edge.source.kind is EdgeKind.INPUT:
        names = [step_input.name for step_input in node.step.inputs]
        if not any(fnmatchcase(name, key) for name in names):
            hint = did_you_mean(key, names, "its inputs")
            diagnostics.error("unknown-input", f"node {node.name!r} has no input {key!r}", place, hint=hint)
    elif edge.source.kind is EdgeKind.PARAMETER:
        names = [parameter.name for parameter in node.step.parameters]
        if key not in names:
            message = f"node {node.name!r} has no parameter {key!r}; the edge only sets their order"
            diagnostics.warning("unknown-parameter", message, place, hint=did_you_mean(key, names, "its parameters"))


def _check_target(edge: ir.Edge, node: ir.StepNode, diagnostics: Diagnostics) -> None:
    key, place = edge.target.key, edge.target.span or edge.span
    if edge.target.kind is EdgeKind.INPUT:
        names = [step_input.name for step_input in node.step.inputs]
        what = "input"
    elif edge.target.kind is EdgeKind.PARAMETER:
        names = [parameter.name for parameter in node.step.parameters]
        what = "parameter"
    else:
        return
    if key not in names:
        hint = did_you_mean(key, names, f"its {what}s") or f"step {node.step.name!r} has no {what}s"
        diagnostics.error(f"unknown-{what}", f"node {node.name!r} has no {what} {key!r}", place, hint=hint)


def _check_fan_in(
    edge: ir.Edge, source: ir.StepNode, target: ir.StepNode, open_ended: Container[str], diagnostics: Diagnostics
) -> None:
    """Warn if several executions each bring a value and the target accepts only one."""
    if edge.source.kind not in (EdgeKind.PARAMETER, EdgeKind.METADATA) or not isinstance(source, ir.TaskNode):
        return
    if size(source.grid) == 1 and source.name not in open_ended:
        return
    if edge.target.kind is EdgeKind.ENVIRONMENT_VARIABLE:
        what, hint = "variable", "choose the value in a node between them"
    else:
        parameter = next((p for p in target.step.parameters if p.name == edge.target.key), None)
        if isinstance(target, ir.TaskNode) or parameter is None or parameter.multiple is not None:
            return
        what, hint = "parameter", "set 'multiple' for the parameter, or choose the value in a node between them"
    message = (
        f"every execution of {source.name!r} has a value of {edge.source.key!r}, but {what} "
        f"{edge.target.key!r} of {target.name!r} takes one value: that of the last complete execution in grid order"
    )
    diagnostics.warning("ambiguous-fan-in", message, edge.span, hint=hint)


def _two_edges(pipeline: ir.Pipeline, diagnostics: Diagnostics) -> None:
    first: dict[ir.Port, ir.Edge] = {}
    for edge in pipeline.incoming:
        if edge.target.kind not in (EdgeKind.PARAMETER, EdgeKind.ENVIRONMENT_VARIABLE):
            continue
        earlier = first.setdefault(edge.target, edge)
        if earlier is not edge:
            what = "variable" if edge.target.kind is EdgeKind.ENVIRONMENT_VARIABLE else "parameter"
            message = f"two edges set {what} {edge.target.key!r} of node {edge.target.node!r}"
            hint = f"remove one of them; the first is on line {earlier.span.line}"
            diagnostics.error("two-edges", message, edge.span, hint=hint)


def _names(step: ir.Step, diagnostics: Diagnostics) -> None:
    """Check names that become paths or variables of an execution."""
    for step_input in step.inputs:
        if step_input.name in _BAD_SEGMENTS or "/" in step_input.name:
            message = f"input {step_input.name!r} cannot be the name of a directory"
            diagnostics.error("bad-name", message, step_input.span)
        filename = step_input.filename
        if filename is not None and (filename.startswith("/") or any(p in _BAD_SEGMENTS for p in filename.split("/"))):
            message = f"the file name {filename!r} of input {step_input.name!r} leaves the input's directory"
            diagnostics.error("bad-name", message, step_input.span)
    for variable in (*step.environment, *step.required_environment):
        if not variable or "=" in variable:
            diagnostics.error("bad-name", f"{variable!r} cannot be the name of an environment variable", step.span)


def _namesakes(pipeline: ir.Pipeline, nodes: Mapping[str, ir.StepNode], diagnostics: Diagnostics) -> None:
    """Check that no parameter has the name of an input in an engine's form."""
    inputs = {one.key: one.input.name for one in all_launch_inputs(pipeline)}
    names = [(parameter.name, parameter.span) for parameter in pipeline.parameters]
    for node in nodes.values():
        names += [(f"{node.name}.{parameter.name}", parameter.span) for parameter in node.step.parameters]
    clashing = {span: name for name, span in reversed(names) if name in inputs}  # a step of several nodes counts once
    for span, name in clashing.items():
        message = f"a parameter cannot be called {name!r}, as forms call the input {inputs[name]!r}"
        diagnostics.error("bad-name", message, span)


def _required(pipeline: ir.Pipeline, diagnostics: Diagnostics) -> None:
    for one in required(pipeline):
        message = f"every run must be given the input {one.name!r}: it has no edge and no default"
        option = f"--input {quote(f'{one.name}=URI')}"
        hint = f"in the engine's form, or with translate run {option}; or set 'optional: true'"
        diagnostics.note("required-input", message, one.input.span, hint=hint)
