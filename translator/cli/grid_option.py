"""Turn an execution node into a task node: ``--grid NODE.PARAM=V,V``, Valohai's "convert to task"."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from translator import ir, registry
from translator.errors import TranslatorError
from translator.names import did_you_mean
from translator.nodes import step_nodes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class GridOptionError(TranslatorError):
    """A ``--grid`` option that cannot be applied."""


@dataclass(frozen=True, slots=True)
class GridOption:
    """The values for a parameter of a node, as texts."""

    node: str
    parameter: str
    values: tuple[str, ...]


def parse_grid(option: str, pipeline: ir.Pipeline) -> GridOption:
    """Read ``NODE.PARAM=V,V``; a value that contains a comma is in double quotes.

    Names of nodes and parameters may contain dots and equals signs, so the names in the pipeline decide where they end.

    Raises:
        GridOptionError: the text has another form, or the pipeline has no such node or parameter.
    """
    matches = [
        GridOption(node.name, parameter.name, _split(option.removeprefix(f"{node.name}.{parameter.name}=")))
        for node in step_nodes(pipeline).values()
        for parameter in node.step.parameters
        if option.startswith(f"{node.name}.{parameter.name}=")
    ]
    if matches:
        return matches[0]
    target, equals, _ = option.partition("=")
    node_name, dot, parameter_name = target.partition(".")
    if not equals or not dot:
        raise GridOptionError(f"--grid {option}: expected NODE.PARAMETER=VALUE,VALUE")
    nodes = step_nodes(pipeline)
    if node_name not in nodes:
        hint = did_you_mean(node_name, nodes, "nodes")
        raise GridOptionError(f"--grid {option}: pipeline {pipeline.name!r} has no node {node_name!r}", hint)
    known = [parameter.name for parameter in nodes[node_name].step.parameters]
    hint = did_you_mean(parameter_name, known, "its parameters") or "it has no parameters"
    raise GridOptionError(f"--grid {option}: node {node_name!r} has no parameter {parameter_name!r}", hint)


def with_grids(pipeline: ir.Pipeline, options: Iterable[str]) -> ir.Pipeline:
    """Give nodes the grids that ``--grid`` options ask for.

    An execution node becomes a task node; in a task node, these values replace those of that parameter.

    Args:
        pipeline: the pipeline.
        options: texts of the form ``NODE.PARAM=V,V``.

    Raises:
        GridOptionError: for the first option that cannot be applied.
    """
    wanted: dict[str, dict[str, ir.Axis]] = {}
    nodes = step_nodes(pipeline)
    for text in options:
        repetition = registry.dialect(pipeline.dialect).repetition
        if repetition is not None:
            raise GridOptionError(f"--grid {text}: a pipeline of {pipeline.dialect} has no grids; {repetition}")
        option = parse_grid(text, pipeline)
        axis = _axis(option, nodes[option.node], text)
        if axis.parameter in wanted.setdefault(option.node, {}):
            raise GridOptionError(f"--grid {text}: the values of {option.node}.{option.parameter} are set twice")
        wanted[option.node][axis.parameter] = axis
    if not wanted:
        return pipeline
    converted = tuple(
        _with_axes(node, wanted[node.name]) if node.name in wanted and isinstance(node, ir.StepNode) else node
        for node in pipeline.nodes
    )
    return dataclasses.replace(pipeline, graph=dataclasses.replace(pipeline.graph, nodes=converted))


def with_tries(pipeline: ir.Pipeline, tries: int) -> ir.Pipeline:
    """Set the total number of attempts of nodes with ``on-error: retry``."""
    nodes = tuple(
        dataclasses.replace(node, policy=dataclasses.replace(node.policy, tries=tries))
        if node.policy.on_error is ir.OnError.RETRY
        else node
        for node in pipeline.nodes
    )
    return dataclasses.replace(pipeline, graph=dataclasses.replace(pipeline.graph, nodes=nodes))


_VALUE = re.compile(r'"((?:[^"]|"")*)"(?=,|\Z)|([^,]*)')


def _split(text: str) -> tuple[str, ...]:
    """Split at commas, except those in double quotes, where two quotes mean one."""
    values: list[str] = []
    position = 0
    while text and position <= len(text):
        match = _VALUE.match(text, position)
        if match is None:
            break
        quoted = match.group(1)
        values.append(match.group(2) if quoted is None else quoted.replace('""', '"'))
        position = match.end() + 1
    return tuple(values)


def _axis(option: GridOption, node: ir.StepNode, text: str) -> ir.Axis:
    from translator.runtime import coerced
    from translator.shim.parameters import ParameterError

    if not option.values:
        raise GridOptionError(f"--grid {text}: expected at least one value")
    parameter = next(p for p in node.step.parameters if p.name == option.parameter)
    values: list[ir.Value] = []
    for value in option.values:
        try:
            values.append(coerced(parameter, value))
        except ParameterError as error:
            raise GridOptionError(f"--grid {text}: {error}") from None
    return ir.Axis(option.parameter, tuple(values), node.span)


def _with_axes(node: ir.StepNode, axes: dict[str, ir.Axis]) -> ir.TaskNode:
    if isinstance(node, ir.ExecutionNode):
        grid = ir.Grid(axes=tuple(axes.values()), span=node.span)
        return ir.TaskNode(node.name, node.span, node.step, grid, node.policy, node.merge_mode)
    grid = node.grid
    if grid.distributed is not None:
        message = "is a distributed task, whose executions have the same parameters: use --param"
        raise GridOptionError(f"--grid: node {node.name!r} {message}")
    if grid.kind is ir.GridKind.ZIP:
        grid = _without_points(grid, axes, node)
    kept: Sequence[ir.Axis] = [axes.get(axis.parameter, axis) for axis in grid.axes]
    new = [axis for name, axis in axes.items() if all(name != known.parameter for known in grid.axes)]
    return dataclasses.replace(node, grid=dataclasses.replace(grid, axes=(*kept, *new)))


def _without_points(grid: ir.Grid, axes: dict[str, ir.Axis], node: ir.TaskNode) -> ir.Grid:
    """Check that values for a parameter of a manual search do not contradict its sets."""
    spoken = sorted({name for point in grid.points for name in point} & axes.keys())
    if spoken:
        message = f"node {node.name!r} is a manual search, which sets {spoken[0]!r} in its parameter sets"
        raise GridOptionError(f"--grid: {message}")
    return grid
