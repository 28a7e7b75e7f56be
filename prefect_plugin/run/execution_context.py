"""Tell the shim of an execution: whose it is, where things go, and what Prefect is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect.context import TaskRunContext

from prefect_plugin.configuration import connections, secrets
from prefect_plugin.tasks.logs import line_log
from translator.shim.contract import Context, ExecutionId

if TYPE_CHECKING:
    from prefect_plugin.run.run_state import NodeRun


def execution_context(node: NodeRun, label: str, index: int = 0) -> Context:
    """Return the context of an execution, which the current task run runs.

    Args:
        node: its node, in this run.
        label: its name in the log.
        index: its index in the node.
    """
    run, task_run = node.run, TaskRunContext.get()
    attempt = task_run.task_run.run_count if task_run else 1
    return Context(
        id=ExecutionId(run.pipeline, run.id, node.name, index, attempt, node.kind),
        store=run.store,
        project=run.code,
        engine="prefect",
        log=line_log(label),
        should_stop=node.should_stop,
        secret=secrets.lookup,
        claimed=node.claimed(index),
        connection=connections.lookup,
        catalogue=run.catalogue,
        git_remote=run.git_remote,
        project_name=run.project_name,
        creator=run.creator,
        input_connections=run.input_blocks,
    )
