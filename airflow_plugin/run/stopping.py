"""Stop a run: a node with ``on-error: stop-all`` failed, an action of a node stops it, or a person asks for it.

Airflow has no message that ends other tasks of a run, and ``fail_fast`` marks the runs that it cuts short as
successful. So each task that runs a step checks, before and during its command, whether a failed task stops it.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from airflow_plugin.dag.nodes import is_group, nodes
from airflow_plugin.tasks.effects import KEY, effects
from airflow_plugin.tasks.instances import MOST_NAMED, STOPPED, count_in, task_states
from translator.shim.outcome.reasons import of_failure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from airflow.sdk import DAG, Context

    from airflow_plugin.tasks.instances import States

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
    if not task.is_mapped or is_group(task):
        ordered.add(task_id)  # members of a distributed task tell each other
    return {
        verdict: of_failure(node.name, several=node.kind == "task" and verdict in node.steps)
        for node in nodes(dag).values()
        if node.stops_all or (task_id in node.steps and node.stops_siblings)
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
    """Return a function that returns why the task must stop, or None.

    Each call is a request to Airflow's API, and a few more if any task of the run has failed or is skipped. None of
    them returns more if a node has more executions, because each execution asks. The reason is recorded, so that the
    task runs again once nothing stops it (``recovery.reached_again``).
    """
    ti, dag = context["ti"], context["dag"]
    of_tasks = stopping_tasks(dag, ti.task_id)
    acting = acting_tasks(dag, ti.task_id)
    wanted = ["failed", "skipped"] if acting else ["failed"]
    asked_at = -math.inf
    is_told = False

    def reason() -> str | None:
        nonlocal asked_at, is_told
        if cancelled():
            return "the run was cancelled"
        if not (of_tasks or acting) or time.monotonic() - asked_at < _REST:
            return None
        asked_at = time.monotonic()
        if not count_in(ti, wanted):
            return None
        why = _ended_by_action(context, acting) or _stopped_by_failure(context, of_tasks)
        if why is not None and not is_told:
            is_told = True
            tell_stopped(context, why)
        return why

    return reason


def tell_stopped(context: Context, why: str) -> str:
    """Record that a task is skipped because others failed or ended the run; return why."""
    context["ti"].xcom_push(STOPPED, why)
    return why


def _ended_by_action(context: Context, acting: Mapping[str, tuple[str, tuple[str, ...]]]) -> str | None:
    """Return which action has ended the run, or None.

    A task that is skipped may stay so until the run ends, and every execution asks again and again. So this requests
    only the states of tasks that have one instance: those that evaluate actions, and the last tasks of nodes.

    Args:
        context: of the task that asks.
        acting: by task that evaluates actions, its node, and the tasks that must succeed before it starts.
    """
    from translator.shim.actions.effects import ending, from_documents

    ti = context["ti"]
    states = _states(context, acting)
    for task, (node, before) in acting.items():
        if states.get(task, {}).get(-1) not in ("failed", "skipped"):
            continue
        pulled = ti.xcom_pull(task_ids=task, key=KEY)
        if ending(from_documents(pulled or ())) is None:
            continue
        counting = effects({task: before}, _states(context, (task, *before)), {task: pulled}.get)
        if (end := ending(counting.get(task, ()))) is not None:
            return f"{node}: {end}"
    return None


def _stopped_by_failure(context: Context, of_tasks: Mapping[str, str]) -> str | None:
    """Return why a failed task stops the task that asks, or None.

    Args:
        context: of the task that asks.
        of_tasks: by task the reason if it has failed.
    """
    for part in _parts(of_tasks):
        if count_in(context["ti"], ["failed"], part):
            states = _states(context, part)
            failed = (why for task, why in of_tasks.items() if "failed" in states.get(task, {}).values())
            if (why := next(failed, None)) is not None:
                return why
    return None


def _states(context: Context, task_ids: Iterable[str]) -> dict[str, States]:
    """Return by task the states of the instances of some tasks."""
    return {task: states for part in _parts(task_ids) for task, states in task_states(context, part).items()}


def _parts(task_ids: Iterable[str]) -> list[list[str]]:
    """Divide tasks into lists whose names fit into a URL."""
    listed = list(task_ids)
    return [listed[start : start + MOST_NAMED] for start in range(0, len(listed), MOST_NAMED)]
