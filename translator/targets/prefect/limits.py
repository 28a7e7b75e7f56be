"""Find what Prefect cannot express, before anything is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator import ir
from translator.nodes import step_nodes
from translator.targets.prefect.reserved import ARGUMENTS
from translator.targets.prefect.settings import TARGET, TASK_RUNNER, of_node, runs_in_order, spreads

if TYPE_CHECKING:
    from translator.diagnostics import Diagnostics

_AUTOMATION = "make an automation in Prefect that runs this flow's deployment when the flow before it is complete"
_TASK_RUNNER_HINT = "give the task runner to task nodes only, or to all nodes in [defaults.prefect]"


def check(pipeline: ir.Pipeline, diagnostics: Diagnostics) -> None:
    """Report what a flow cannot express.

    Args:
        pipeline: the pipeline to be written, which has passed ``translator.checks``.
        diagnostics: receives the findings.
    """
    for parameter in pipeline.parameters:
        if parameter.name in ARGUMENTS:
            message = f"Prefect reserves {parameter.name!r}: the flow's parameter is called '{parameter.name}_'"
            diagnostics.note("renamed-parameter", message, parameter.span, hint="its title in the form does not change")
    _check_schedule(pipeline.schedule, diagnostics)
    _check_assets(pipeline, diagnostics)
    for node in pipeline.nodes if pipeline.graph.start is None else ():
        if not isinstance(node, ir.ExecutionNode | ir.TaskNode):
            kind = type(node).__name__.removesuffix("Node").lower()
            message = f"node {node.name!r}: {kind} nodes are not translated to Prefect"
            diagnostics.error(f"unsupported-{kind}", message, node.span)
    for node in step_nodes(pipeline).values():
        _check_group(pipeline, node, diagnostics)
        if TASK_RUNNER in node.settings.get(TARGET, {}) and not spreads(node):
            reason = "its executions run in turn" if runs_in_order(node) else "it is not a task node"
            message = f"node {node.name!r} runs in the flow's process, not on the task runner of its settings: {reason}"
            diagnostics.warning("ignored-task-runner", message, node.span, hint=_TASK_RUNNER_HINT)


def _check_group(pipeline: ir.Pipeline, node: ir.StepNode, diagnostics: Diagnostics) -> None:
    """Report a distributed task whose settings keep its members from all running at once."""
    group = node.grid.distributed if isinstance(node, ir.TaskNode) else None
    limit = of_node(pipeline, node).get("max_workers")
    if group is None or not isinstance(limit, int) or limit >= group.members:
        return
    message = (
        f"node {node.name!r} is a group of {group.members} executions that start together, and max_workers is {limit}: "
        "they would never start"
    )
    hint = f"remove max_workers from its settings, or set it to at least {group.members}"
    diagnostics.error("group-too-wide", message, node.span, hint=hint)


def _check_schedule(schedule: ir.Schedule | None, diagnostics: Diagnostics) -> None:
    if schedule is None:
        return
    if schedule.catchup:
        message = "Prefect does not make up for missed runs: catchup has no effect"
        hint = "start runs of past days with `prefect deployment run`"
        diagnostics.warning("ignored-catchup", message, schedule.spans.get("catchup"), hint=hint)
    if schedule.start_date is not None:
        message = "Prefect schedules runs as soon as the flow is deployed: start_date has no effect"
        diagnostics.warning("ignored-start-date", message, schedule.spans.get("start_date"))


def _check_assets(pipeline: ir.Pipeline, diagnostics: Diagnostics) -> None:
    schedule = pipeline.schedule
    if schedule is not None and schedule.assets:
        message = "a flow cannot say that it starts when assets are updated: the assets of its schedule have no effect"
        diagnostics.warning("ignored-assets", message, schedule.spans.get("assets"), hint=_AUTOMATION)
    for node, update in pipeline.assets.items():
        message = f"node {node!r} updates no asset on Prefect, where assets start nothing"
        hint = "make an automation in Prefect that runs the next flow's deployment when this flow is complete"
        diagnostics.warning("ignored-assets", message, update.span, hint=hint)
