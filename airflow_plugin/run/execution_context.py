"""Build the context in which the shim runs an execution as a task of Airflow."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import AirflowTaskTimeout

from airflow_plugin.configuration import connections, secrets
from airflow_plugin.configuration.locations import store_address
from airflow_plugin.run.directory import RESUMES
from airflow_plugin.tasks.instances import name_try
from translator.shim import variables
from translator.shim.contract import Context
from translator.shim.embedded import line_log

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from airflow.sdk import Context as TaskContext

    from translator.shim.contract import ExecutionId

_TEST = "dag_test"
"""What Airflow says instead of a user in a run of ``dag.test()``."""


def execution_context(  # noqa: PLR0913 - all but the first two are keywords
    task: TaskContext,
    execution: ExecutionId,
    *,
    project: str | Path,
    log: Callable[..., None],
    should_stop: Callable[[], str | None],
    reuse: bool = False,
    ended_members: Callable[[], Mapping[int, str]] = dict,
    show: Callable[[], None] = lambda: None,
    returns: bool = False,
) -> Context:
    """Return the context of an execution.

    Args:
        task: the task that runs it.
        execution: its identity.
        project: directory of the source file, or a snapshot, as the DAG file gives it.
        log: the task's logger.
        should_stop: returns why it must stop, or None.
        reuse: whether it may have the results of an earlier one.
        ended_members: asks which members of a distributed task have ended.
        show: called before the command starts, if one does.
        returns: whether what the task returns names the manifest: then nothing else does if no command runs.
    """
    label = f"{execution.node}[{execution.index}]" if execution.kind == "task" else execution.node
    return Context(
        id=execution,
        store=store_address(task["dag"].default_args),
        project=project,
        engine="airflow",
        log=line_log(log, label),
        should_stop=should_stop,
        secret=secrets.lookup,
        claimed=partial(_begin, show, name_try(task)),
        claims_reused=not returns,
        out_of_time=(AirflowTaskTimeout,),
        connection=connections.lookup,
        mask=secrets.mask,
        catalogue=task["dag"].default_args.get("catalogue"),
        git_remote=task["dag"].default_args.get("git_remote"),
        project_name=task["dag"].default_args.get("project_name"),
        creator=_creator(task),
        input_connections=task["dag"].default_args.get("input_connections") or {},
        resumes=resumed_run(task),
        reuse=reuse,
        round=str(getattr(task["dag_run"], "clear_number", None) or 0),
        ended_members=ended_members,
    )


def _begin(show: Callable[[], None], name: Callable[[str], None], uri: str) -> None:
    show()
    name(uri)


def resumed_run(task: TaskContext) -> str | None:
    """Return the run in the store that this one resumes: of ``translate run --resume``, or of a DAG of several runs."""
    name = os.environ.get(variables.RESUME) or (task["dag_run"].conf or {}).get(RESUMES)
    return name if isinstance(name, str) and name else None


def _creator(task: TaskContext) -> str | None:
    """Return the user who triggered the run, if there is one."""
    user: str | None = getattr(task["dag_run"], "triggering_user_name", None)  # not all versions tell it to tasks
    return user if user != _TEST else None
