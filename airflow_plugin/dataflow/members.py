"""Ask Airflow about the members of a distributed task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_plugin.tasks.instances import ENDED, task_states

if TYPE_CHECKING:
    from airflow.sdk import DAG, BaseOperator, Context


def ended_members(context: Context) -> dict[int, str]:
    """Return the other members that have ended and that Airflow does not start again, each with its state.

    Args:
        context: of a member.
    """
    ti = context["ti"]
    states = task_states(context, [ti.task_id]).get(ti.task_id, {})
    return {index: state for index, state in states.items() if state in ENDED and index != ti.map_index}


def too_few_slots(task: BaseOperator, dag: DAG, members: int) -> str | None:
    """Return which limit of the deployment or the DAG keeps the members from all running at the same time, or None.

    How many slots its pool has, and how many tasks Airflow runs in all, a task cannot ask: the wait for the other
    members ends with a reason then.

    Args:
        task: the operator of the members.
        dag: its DAG.
        members: how many there are.
    """
    limits = {
        "max_active_tasks of the DAG": dag.max_active_tasks,
        "max_active_tis_per_dagrun of the task": task.max_active_tis_per_dagrun,
        "max_active_tis_per_dag of the task": task.max_active_tis_per_dag,
    }
    for name, limit in limits.items():
        if limit is not None and limit < members:
            return f"all {members} members of the task must run at the same time, and {name} is {limit}: raise it"
    return None
