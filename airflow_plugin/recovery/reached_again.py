"""Let tasks run that were skipped because of a failure, once what failed is cleared.

Airflow clears the failed tasks of a run together with those that it never started because of them
(``upstream_failed``), but not those that are skipped. Two kinds of these run again, with what follows them:

- A gate that finds that its node did not run ends as skipped. It does so again if all of the node is to run again.
- What a failure stopped (``stop-all``) ends as skipped, too, or never starts. It does so again if all failures that
  can have stopped it are cleared. What a condition skipped among these is skipped once more.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow_plugin.dag.finish_task import FINISH

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from airflow_plugin.dag.nodes import Node

_GATES = ("GateOperator", "EndActionsOperator", "EndApprovalOperator")


def clear(session: Any, dag: Any, instances: Sequence[Any]) -> None:
    """Clear the instances of a run that has been cleared in part, if they were skipped because of what was cleared.

    Args:
        session: of the database.
        dag: the DAG of the run as Airflow has stored it.
        instances: all task instances of the run.
    """
    from airflow.models.taskinstance import clear_task_instances

    states: dict[str, set[str | None]] = {}
    for ti in instances:
        if dag.has_task(ti.task_id):  # it may have been removed from the DAG since
            states.setdefault(ti.task_id, set()).add(ti.state)
    upstream = {task_id: dag.get_task(task_id).upstream_task_ids for task_id in states}
    gates = {ti.task_id for ti in instances if ti.operator in _GATES}
    stopped = stopped_by_cleared(states, lambda task_id: _ordered(dag, task_id), _nodes(dag))
    again = reached_again(states, upstream, gates, stopped)
    if cleared := [ti for ti in instances if ti.task_id in again and ti.state == "skipped"]:
        clear_task_instances(cleared, session, dag_run_state=False)


def _nodes(dag: Any) -> list[Node]:
    """Return the nodes of a dataflow graph; none if an older version of this plugin wrote the DAG."""
    from airflow_plugin.dag.plan import from_json

    plan = getattr(dag.get_task(FINISH), "plan", None)
    return [listed.node for listed in from_json(json.loads(plan).get("nodes", []))] if plan is not None else []


def _ordered(dag: Any, task_id: str) -> Collection[str]:
    """Return the tasks before and after a task of a DAG as Airflow has stored it."""
    task = dag.get_task(task_id)
    before, after = (task.get_flat_relative_ids(upstream=upstream) for upstream in (True, False))
    return {*before, *after}


def stopped_by_cleared(
    states: Mapping[str, Collection[str | None]], ordered: Callable[[str], Collection[str]], nodes: Iterable[Node]
) -> set[str]:
    """Return the skipped tasks that failures can have stopped, if all of these failures are cleared.

    Args:
        states: by task the states of its instances; None if an instance is to run.
        ordered: returns the tasks before and after a task.
        nodes: those of the run.
    """
    cleared = {task_id for task_id, of_task in states.items() if None in of_task}
    left = {task_id for task_id, of_task in states.items() if "failed" in of_task or "upstream_failed" in of_task}
    stopping_all: set[str] = set()
    stopping_siblings: dict[str, set[str]] = {}
    for node in nodes:
        if node.stops_all:
            stopping_all |= {*node.verdicts}
        elif node.stops_siblings:
            stopping_siblings |= {step: {*node.verdicts} for step in node.steps}
    stopped = set()
    for task_id in (task_id for task_id, of_task in states.items() if "skipped" in of_task and task_id != FINISH):
        stopping = stopping_all | stopping_siblings.get(task_id, set())
        if stopping.isdisjoint(cleared):  # finding what is ordered takes longer
            continue
        stopping -= {*ordered(task_id)}
        if not stopping.isdisjoint(cleared) and stopping.isdisjoint(left):
            stopped.add(task_id)
    return stopped


def reached_again(
    states: Mapping[str, Collection[str | None]],
    upstream: Mapping[str, Collection[str]],
    gates: Collection[str],
    stopped: Collection[str] = (),
) -> set[str]:
    """Return the skipped tasks that are to run again.

    Args:
        states: by task the states of its instances; None if an instance is to run.
        upstream: by task the tasks directly before it.
        gates: the tasks that decide whether a run continues after a node.
        stopped: the tasks that were stopped by failures that are cleared.
    """
    skipped = {task for task in upstream if "skipped" in states[task]}
    again = {
        task
        for task in skipped
        if task in stopped or (task in gates and all({*states.get(before, ())} == {None} for before in upstream[task]))
    }
    while more := {task for task in skipped - again if again & {*upstream[task]}}:
        again |= more
    return again
