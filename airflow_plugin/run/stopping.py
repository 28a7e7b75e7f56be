"""Stop a run: a node with ``on-error: stop-all`` failed, an action of a node stops it, or a person asks for it.

Airflow has no message that ends other tasks of a run, and ``fail_fast`` marks the runs that it cuts short as
successful. So each task that runs a step checks, before and during its command, whether a failed task stops it.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from airflow_plugin.dag.nodes import nodes
from airflow_plugin.tasks.effects import KEY, effects
from airflow_plugin.tasks.instances import states_by_task
from translator.shim.outcome.reasons import of_failure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow.sdk import DAG, Context

# Seconds between two requests; the shim asks more often while it prepares an execution.
_REST = 0.8


class _Cancelled:
    """The flag that this process must end its executions."""

    requested = False


def cancel() -> None:
    """Stop all executions of this process, and those that it would start."""
    _Cancelled.requested = True


def end_commands() -> None:
    """Cancel this process, and end the commands that it runs with everything that they started."""
    from translator.shim.execution import kill_all

    cancel()
    kill_all()


def go_on() -> None:
    """Undo ``cancel`` before the next run of this process."""
    _Cancelled.requested = False


def cancelled() -> bool:
    """Return whether ``cancel`` was called in this process."""
    return _Cancelled.requested


def stopping_tasks(dag: DAG, task_id: str) -> dict[str, str]:
    """Return the tasks whose failure stops the task ``task_id``, with the reason that this is.

    Upstream tasks cannot have failed when it starts, and downstream tasks wait for it: a chain of nodes asks nothing.
    """
    task = dag.get_task(task_id)
    ordered = task.get_flat_relative_ids(upstream=True) | task.get_flat_relative_ids(upstream=False)
    if not task.is_mapped:
        ordered.add(task_id)
    return {
        verdict: of_failure(node.name, several=node.kind == "task" and verdict == node.run)
        for node in nodes(dag).values()
        if node.stops_all or (node.run == task_id and node.on_child_error == "stop-all-and-error")
        for verdict in node.verdicts
        if verdict not in ordered
    }


def acting_tasks(dag: DAG, task_id: str) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Return the tasks whose actions may stop the task ``task_id``: the node, and the tasks that must succeed first."""
    from airflow_plugin.dag.plan import acting_tasks as of_node
    from translator.shim.actions.effects import may_end

    task = dag.get_task(task_id)
    ordered = task.get_flat_relative_ids(upstream=True) | task.get_flat_relative_ids(upstream=False) | {task_id}
    return {
        acting: (node.name, before)
        for node in nodes(dag).values()
        for acting, before in of_node(dag, node).items()
        if acting not in ordered and may_end(getattr(dag.get_task(acting), "actions", ()))
    }


def stop_reason(context: Context) -> Callable[[], str | None]:
    """Return a function that returns why the task must stop, or None; each call is a request to Airflow's API."""
    ti, dag = context["ti"], context["dag"]
    of_tasks = stopping_tasks(dag, ti.task_id)
    acting = acting_tasks(dag, ti.task_id)
    wanted = ["failed", "skipped"] if acting else ["failed"]
    asked_at = -math.inf

    def reason() -> str | None:
        nonlocal asked_at
        if cancelled():
            return "the run was cancelled"
        if not (of_tasks or acting) or time.monotonic() - asked_at < _REST:
            return None
        asked_at = time.monotonic()
        # Count over the whole run, not over these tasks: their names may be too many for a URL.
        if not ti.get_ti_count(dag_id=ti.dag_id, run_ids=[ti.run_id], states=wanted):
            return None
        states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id]).get(ti.run_id, {})
        if (ended := _ended_by_action(context, acting, states)) is not None:
            return ended
        by_task = states_by_task(states, context["dag"].task_dict)
        failed = {task for task, of_task in by_task.items() if "failed" in of_task.values()}
        return next((why for task, why in of_tasks.items() if task in failed), None)

    return reason


def _ended_by_action(
    context: Context, acting: Mapping[str, tuple[str, tuple[str, ...]]], listed: Mapping[str, str | None]
) -> str | None:
    """Return which action has ended the run, or None.

    Args:
        context: of the task that asks.
        acting: by task that evaluates actions, its node, and the tasks that must succeed before it starts.
        listed: the states of tasks, as Airflow lists them.
    """
    if not any(listed.get(task) in ("failed", "skipped") for task in acting):
        return None
    from translator.shim.actions.effects import ending

    states = states_by_task(listed, context["dag"].task_dict)
    before = {task: upstream for task, (_, upstream) in acting.items()}
    fired = effects(before, states, lambda task: context["ti"].xcom_pull(task_ids=task, key=KEY))
    ends = ((acting[task][0], ending(of_task)) for task, of_task in fired.items())
    return next((f"{node}: {end}" for node, end in ends if end is not None), None)
