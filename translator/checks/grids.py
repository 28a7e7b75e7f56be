"""Check the grids of task nodes: their sizes, and colliding outputs."""

from __future__ import annotations

import math
import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from translator import ir
from translator.ir import EdgeKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from translator.diagnostics import Diagnostics

MAX_MAP_LENGTH = 1024
"""Airflow's default ``[core] max_map_length``: the most rows that a task can be mapped over."""

_FIXED_OUTPUT = re.compile(
    r"""(?: /valohai/outputs | \$VH_OUTPUTS_DIR | \$\{VH_OUTPUTS_DIR\} ) "? /
        ( [^\s"'`;|&<>(){}$*]+ )      # a path without anything that the shell or a parameter fills in
        (?= [\s"'`;|&<>)] | \Z )""",
    re.VERBOSE,
)


def check(pipeline: ir.Pipeline, diagnostics: Diagnostics) -> None:
    """Check the task nodes of a pipeline; see ``translator.checks.check``."""
    open_ended = nodes_with_later_axes(pipeline)
    patterns: dict[str, list[str]] = {}
    for edge in pipeline.incoming:
        if edge.source.kind is EdgeKind.ARTIFACT:
            patterns.setdefault(edge.source.node, []).append(edge.source.key)
    _check_given(pipeline, diagnostics)
    for node in pipeline.nodes:
        if isinstance(node, ir.TaskNode):
            _check_size(node, diagnostics)
            if size(node.grid) != 1 or node.name in open_ended:
                _check_outputs(node, patterns.get(node.name, ()), diagnostics)


def size(grid: ir.Grid) -> int:
    """Return the number of points of a grid, as far as it is known during translation."""
    if grid.kind is ir.GridKind.ZIP:
        return len(grid.points)
    if grid.search is not None:
        return grid.search.count
    return math.prod(len(axis.values) for axis in grid.axes)


def nodes_with_later_axes(pipeline: ir.Pipeline) -> frozenset[str]:
    """Return the nodes with axes set by an edge or a pipeline parameter, whose size is known only later."""
    by_edge = {edge.target.node for edge in pipeline.incoming if edge.target.kind is EdgeKind.PARAMETER}
    return frozenset(by_edge.union(target.node for p in pipeline.parameters for target in p.targets))


def _check_size(node: ir.TaskNode, diagnostics: Diagnostics) -> None:
    axes = node.grid.axes
    place = axes[0].span if len(axes) == 1 else node.grid.span or node.span
    points, search = size(node.grid), node.grid.search
    if search is not None and search.objective is not None:
        points = min(points, search.objective.batch_size)  # Airflow maps a task for each batch
    if points > MAX_MAP_LENGTH:
        allowed = f"Airflow's default limit is {MAX_MAP_LENGTH:,}"
        message = f"the grid of node {node.name!r} has {points:,} points; {allowed}"
        diagnostics.warning("large-grid", message, place)
    for axis in axes:
        if not axis.values:
            message = f"parameter {axis.parameter!r} of node {node.name!r} has no values: the grid has no points"
            diagnostics.warning("empty-grid", message, axis.span, hint="a task node without executions fails")
    if node.grid.kind is ir.GridKind.ZIP and not node.grid.points:
        message = f"the grid of node {node.name!r} has no points"
        diagnostics.warning("empty-grid", message, place, hint="a task node without executions fails")


def _check_given(pipeline: ir.Pipeline, diagnostics: Diagnostics) -> None:
    """Report pipeline parameters whose default is an axis without values."""
    tasks = {node.name for node in pipeline.nodes if isinstance(node, ir.TaskNode)}
    for parameter in pipeline.parameters:
        reached = next((target for target in parameter.targets if target.node in tasks), None)
        if parameter.default == () and reached is not None:
            message = (
                f"pipeline parameter {parameter.name!r} has no values: "
                f"the grid of node {reached.node!r} has no points unless a run sets some"
            )
            hint = "a task node without executions fails"
            diagnostics.warning("empty-grid", message, parameter.span, hint=hint)


def _check_outputs(node: ir.TaskNode, patterns: Sequence[str], diagnostics: Diagnostics) -> None:
    for path in dict.fromkeys(_fixed_outputs(node.step)):
        if any(fnmatchcase(path, pattern) for pattern in patterns):
            message = (
                f"every execution of node {node.name!r} writes the output {path!r}; "
                "edges pass on only that of the last complete one in grid order"
            )
            hint = "include a parameter in the file's name"
            diagnostics.warning("colliding-outputs", message, node.step.command_span or node.step.span, hint=hint)


def _fixed_outputs(step: ir.Step) -> Iterator[str]:
    for command in step.command:
        for match in _FIXED_OUTPUT.finditer(command):
            path = match.group(1)
            if not path.endswith("/"):
                yield path.rstrip(".,:")
