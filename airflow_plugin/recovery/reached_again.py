"""Let tasks run that were skipped because of a failure, once what failed is cleared.

Airflow clears the failed tasks of a run together with those that it never started because of them
(``upstream_failed``), but not those that are skipped. A gate that finds that its node did not run ends as skipped, and
so does all that follows. So if all of a node is to run again, its gate and what follows do so, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

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
        states.setdefault(ti.task_id, set()).add(ti.state)
    upstream = {task_id: dag.get_task(task_id).upstream_task_ids for task_id in states if dag.has_task(task_id)}
    gates = {ti.task_id for ti in instances if ti.operator in _GATES}
    again = reached_again(states, upstream, gates)
    if cleared := [ti for ti in instances if ti.task_id in again and ti.state == "skipped"]:
        clear_task_instances(cleared, session, dag_run_state=False)


def reached_again(
    states: Mapping[str, Collection[str | None]], upstream: Mapping[str, Collection[str]], gates: Collection[str]
) -> set[str]:
    """Return the skipped tasks that are to run again.

    Args:
        states: by task the states of its instances; None if an instance is to run.
        upstream: by task the tasks directly before it.
        gates: the tasks that decide whether a run continues after a node.
    """
    skipped = {task for task in upstream if "skipped" in states[task]}
    again = {
        task for task in skipped & {*gates} if all({*states.get(before, ())} == {None} for before in upstream[task])
    }
    while more := {task for task in skipped - again if again & {*upstream[task]}}:
        again |= more
    return again
