"""Report what Airflow cannot express, before anything is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator import ir
from translator.nodes import step_nodes
from translator.targets.airflow.settings import TARGET
from translator.targets.searches import batches

if TYPE_CHECKING:
    from translator.diagnostics import Diagnostics

_MAX_ACTIVE_TASKS = 16
"""Airflow's default ``[core] max_active_tasks_per_dag``: how many tasks of a run are active at once."""
_MAX_BATCHES = 100
"""Each batch asks Airflow for the results of all others, so the time to choose one grows with their number."""


def check(pipeline: ir.Pipeline, diagnostics: Diagnostics) -> None:
    """Report what a DAG cannot express.

    Args:
        pipeline: the pipeline to be written, which has passed ``translator.checks``.
        diagnostics: receives the findings.
    """
    _check_id(pipeline, diagnostics)
    if pipeline.graph.start is not None:
        from translator.targets.airflow.controlflow.limits import check as check_controlflow

        check_controlflow(pipeline.graph, diagnostics)
        return
    for node in pipeline.nodes:
        if not isinstance(node, ir.ExecutionNode | ir.TaskNode):
            kind = type(node).__name__.removesuffix("Node").lower()
            diagnostics.error(
                f"unsupported-{kind}", f"node {node.name!r}: {kind} nodes are not translated to Airflow", node.span
            )
        elif isinstance(node, ir.TaskNode):
            _check_batches(node, diagnostics)
            _check_group(pipeline, node, diagnostics)
    _check_keys(pipeline, diagnostics)
    _check_assets(pipeline, diagnostics)
    if all(isinstance(node, ir.StepNode) for node in pipeline.nodes):
        from translator.targets.airflow import defaults

        defaults.check(pipeline, diagnostics)


def _check_id(pipeline: ir.Pipeline, diagnostics: Diagnostics) -> None:
    """Check the length of an id that a setting gives the DAG."""
    from translator.targets.airflow.dag import dag_id
    from translator.targets.airflow.names import MAX_ID_LENGTH

    identifier = dag_id(pipeline)
    if len(identifier) > MAX_ID_LENGTH:
        message = f"the DAG's id has {len(identifier)} characters; Airflow allows {MAX_ID_LENGTH}: {identifier[:60]}…"
        diagnostics.error("id-too-long", message, pipeline.span, hint="set a shorter dag_id in translator.toml")


def _check_batches(node: ir.TaskNode, diagnostics: Diagnostics) -> None:
    """Check the number of batches of a search."""
    if node.grid.search is not None and (count := batches(node.grid.search)) > _MAX_BATCHES:
        message = f"node {node.name!r} runs {count} batches, each with two tasks; a DAG may have {_MAX_BATCHES} of them"
        hint = "set a greater execution-batch-size, or use --target prefect"
        diagnostics.error("too-many-batches", message, node.grid.span or node.span, hint=hint)


def _check_group(pipeline: ir.Pipeline, node: ir.TaskNode, diagnostics: Diagnostics) -> None:
    """Report a distributed task with more members than a DAG runs tasks at once."""
    if node.grid.distributed is None:
        return
    members, limit = node.grid.distributed.members, pipeline.workflow.get(TARGET, {}).get("max_active_tasks")
    message = f"node {node.name!r} is a group of {members} executions that start together, and "
    hint = f"set max_active_tasks to at least {members} in translator.toml"
    place = node.grid.span or node.span
    if isinstance(limit, int) and limit < members:
        message += f"max_active_tasks of the DAG is {limit}: they would never start"
        diagnostics.error("group-too-wide", message, place, hint=hint)
    elif limit is None and members > _MAX_ACTIVE_TASKS:
        message += f"Airflow runs {_MAX_ACTIVE_TASKS} tasks of a DAG at once by default: they may never start"
        diagnostics.warning("group-too-wide", message, place, hint=hint)


def _check_assets(pipeline: ir.Pipeline, diagnostics: Diagnostics) -> None:
    """Report assets of nodes none of whose tasks succeeds exactly if the node is complete."""
    if not pipeline.assets:
        return
    from translator.targets.airflow.assets import updater
    from translator.targets.airflow.rules import closing_task

    followed = {edge.source.node for edge in pipeline.edges}
    for node in pipeline.nodes:
        update = pipeline.assets.get(node.name)
        if update is None or not isinstance(node, ir.StepNode):
            continue
        if updater(node, closing_task(node, followed=node.name in followed, updates=True)) is None:
            message = f"node {node.name!r} cannot update an asset: its last task succeeds even if the node does not"
            hint = "let another node update it, or set no on-error: continue"
            diagnostics.error("unsupported-asset", message, update.span, hint=hint)


def _check_keys(pipeline: ir.Pipeline, diagnostics: Diagnostics) -> None:
    """Report pipeline parameters that have the key of a node's parameter in the DAG's params."""
    taken = {
        f"{node.name}.{parameter.name}" for node in step_nodes(pipeline).values() for parameter in node.step.settable
    }
    for pipeline_parameter in pipeline.parameters:
        if pipeline_parameter.name in taken:
            diagnostics.error(
                "ambiguous-parameter",
                f"pipeline parameter {pipeline_parameter.name!r} is named like the DAG param of a node's parameter",
                pipeline_parameter.span,
                hint="rename the pipeline parameter",
            )
