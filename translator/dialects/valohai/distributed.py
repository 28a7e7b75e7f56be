"""Read distributed tasks: a number of executions that differ only in their rank, and start and end together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from translator import ir
from translator.dialects.valohai.ledger import refuse

if TYPE_CHECKING:
    from translator.diagnostics import Diagnostics
    from translator.source import Located

MAX_MEMBERS = 1024
"""More executions than this cannot be meant to run at the same time, and Airflow maps no task over more."""


def group(grid: ir.Grid, task: Located, diagnostics: Diagnostics) -> ir.Grid:
    """Return the grid of a distributed task; a parameter of its blueprint has one value, which all executions have.

    Args:
        grid: the axes of the blueprint.
        task: the blueprint.
        diagnostics: receives what is wrong.
    """
    located = task.get("execution-count")
    count = int(located.value) if located is not None and located.value is not None else None
    if located is None or count is None:
        message = "a distributed task needs 'execution-count', the number of its executions"
        diagnostics.error("bad-distributed", message, task.value_span("type"))
    elif not 1 <= count <= MAX_MEMBERS:
        message = f"'execution-count' of a distributed task must be from 1 to {MAX_MEMBERS:,}, not {count}"
        diagnostics.error("bad-distributed", message, located.span)
    for axis in grid.axes:
        if len(axis.values) != 1:
            message = (
                f"the executions of a distributed task have the same parameters, and {axis.parameter!r} has "
                f"{len(axis.values)} values"
            )
            hint = "give it one value, or use type: grid_search, whose executions do not cooperate"
            diagnostics.error("bad-distributed", message, axis.span, hint=hint)
    limit = task.get("maximum-queued-executions")
    if limit is not None and limit.value and count is not None and count > limit.value:
        message = (
            f"'maximum-queued-executions' {limit.value} is less than 'execution-count' {count}: "
            "the executions of a distributed task start together, so this one would never start"
        )
        hint = "remove it, or set it to at least 'execution-count'"
        diagnostics.error("bad-distributed", message, limit.span, hint=hint)
    condition = task.get("stop-condition")
    if condition is not None and condition.value:
        refuse("stop-condition", "a stop-condition of executions that start together", condition.span, diagnostics)
    return replace(grid, kind=ir.GridKind.GROUP, distributed=ir.Distributed(count or 0))


def with_values(step: ir.Step, grid: ir.Grid) -> tuple[ir.Step, ir.Grid]:
    """Return the step of a distributed task with the values of its blueprint as defaults, and its grid without axes."""
    if grid.kind is not ir.GridKind.GROUP or not grid.axes:
        return step, grid
    values = {axis.parameter: axis.values[0] for axis in grid.axes}
    parameters = tuple(
        replace(parameter, default=values[parameter.name]) if parameter.name in values else parameter
        for parameter in step.parameters
    )
    return replace(step, parameters=parameters), replace(grid, axes=())


def in_group(built: ir.StepNode, node: Located, task: Located, diagnostics: Diagnostics) -> ir.StepNode:
    """Return a node with the policy of a distributed task, whose executions are all complete or all failed.

    Args:
        built: the node as it would be if it were not distributed; one that is not stays as it is.
        node: the node in the file.
        task: its blueprint.
        diagnostics: receives what has another effect than with other tasks.
    """
    if not isinstance(built, ir.TaskNode) or built.grid.distributed is None:
        return built
    policy = built.policy
    if policy.on_child_error not in (None, ir.OnChildError.STOP_ALL_AND_ERROR):
        message = (
            f"'on-child-error: {policy.on_child_error}' has no effect: "
            "if an execution of a distributed task fails, all others end, and fail as well"
        )
        diagnostics.warning("distributed-policy", message, task.value_span("on-child-error"))
    if policy.on_error is ir.OnError.CONTINUE:
        message = (
            "'on-error: continue' acts as 'stop-next': a distributed task is complete only if all its executions are, "
            "so after a failure there are no results to continue with"
        )
        diagnostics.warning("distributed-policy", message, node.value_span("on-error"))
        policy = replace(policy, on_error=ir.OnError.STOP_NEXT)
    if policy.reuse:
        place = task.key_span("reuse-children") if task.get("reuse-children") is not None else node.span
        message = "the executions of a distributed task do not reuse the results of others"
        diagnostics.note("ignored-reuse", message, place)
    return replace(built, policy=replace(policy, on_child_error=None, reuse=False, concurrency=None))
