"""Let tasks run again that were skipped because of a failure, once nothing keeps them from running.

Airflow clears the failed tasks of a run together with those that it never started because of them
(``upstream_failed``), but not those that are skipped. Some of these run again, with what follows them:

- What a failure (``stop-all``) or an action of a node stopped. It has said so in an XCom, and runs again if all that
  can have stopped it is cleared, successful or marked as success.
- A gate that found that its node did not run, if the node is to run again or has run since.
- Executions that did not start because the stop-condition of their node held, if another one of the node is cleared.
- Everything, if the run was cut off: a person marked it as failed while it ran, or it took too long.

What a condition skipped among these is skipped once more.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any

from airflow_plugin.dag.finish_task import FINISH
from airflow_plugin.database.run import Pushed
from airflow_plugin.run.mark import bearer
from airflow_plugin.tasks.effects import effects
from translator.shim.actions.effects import ending

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from sqlalchemy.orm import Session

    from airflow_plugin.dag.plan import NodePlan

_GATES = ("GateOperator", "EndActionsOperator", "EndApprovalOperator")
_SKIPPED = "skipped"
_NOT_COMPLETE = {_SKIPPED, "failed", "upstream_failed"}


@dataclass(frozen=True, slots=True)
class Cleared:
    """A run that has been cleared in part.

    Attributes:
        states: by task the states of its instances by map index; None if an instance is to run.
        upstream: by task of the DAG the tasks directly before it.
        plans: the nodes of a dataflow graph.
        gates: the tasks that decide whether the run continues after a node.
        stopped: the tasks of which an instance was stopped when it was executed for the last time.
        actions: by task that evaluates actions the effects that it has pushed.
        cut_off: whether the whole run was ended before its time.
    """

    states: Mapping[str, Mapping[int, str | None]]
    upstream: Mapping[str, Collection[str]]
    plans: Sequence[NodePlan] = ()
    gates: Collection[str] = ()
    stopped: Collection[str] = ()
    actions: Mapping[str, Any] = field(default_factory=dict)
    cut_off: bool = False


def clear(session: Session, dag_run: Any) -> None:
    """Clear the instances of a run that were skipped because of what no longer keeps them from running.

    Instances that somebody else changes at this moment are left alone: nobody waits for anybody, and what fails here
    does not touch what the scheduler does in its session.

    Args:
        session: of the scheduler.
        dag_run: a run that has been cleared, with its DAG as Airflow has stored it.
    """
    from airflow.models.taskinstance import TaskInstance, clear_task_instances
    from sqlalchemy import select
    from sqlalchemy.orm import Session

    again = run_again(_read(session, dag_run))
    if not again:
        return
    of_run = (TaskInstance.dag_id == dag_run.dag_id, TaskInstance.run_id == dag_run.run_id)
    wanted = select(TaskInstance).where(*of_run, TaskInstance.state == _SKIPPED, TaskInstance.task_id.in_(again))
    # The scheduler does not allow savepoints in its own session.
    with Session(session.connection(), join_transaction_mode="create_savepoint", expire_on_commit=False) as own:
        instances = list(own.scalars(wanted.with_for_update(of=TaskInstance, skip_locked=True)))
        clear_task_instances(instances, own, dag_run_state=False)
        own.commit()


def _read(session: Session, dag_run: Any) -> Cleared:
    """Read a run from the database."""
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy import select

    dag = dag_run.dag
    columns = (TaskInstance.task_id, TaskInstance.map_index, TaskInstance.state, TaskInstance.operator)
    of_run = (TaskInstance.dag_id == dag_run.dag_id, TaskInstance.run_id == dag_run.run_id)
    states: dict[str, dict[int, str | None]] = {}
    gates = set()
    for task_id, map_index, state, operator in session.execute(select(*columns).where(*of_run)):
        # The task may have been removed from the DAG since, and the instance from the task.
        if dag.has_task(task_id) and state != "removed":
            states.setdefault(task_id, {})[map_index] = state
            if operator in _GATES:
                gates.add(task_id)
    pushed = Pushed(session, dag_run.dag_id, dag_run.run_id)
    mark = pushed.mark(bearer(dag.task_ids), dag_run.clear_number - 1)
    of_finish = states.get(FINISH, {}).values()
    plans = _plans(dag)
    return Cleared(
        states=states,
        upstream={task.task_id: task.upstream_task_ids for task in dag.tasks},
        plans=plans,
        gates=gates,
        stopped=pushed.stopped(),
        actions=pushed.actions() if any(plan.acting for plan in plans) else {},
        cut_off=_SKIPPED in of_finish or (mark is not None and mark.state == "failed" and None in of_finish),
    )


def _plans(dag: Any) -> list[NodePlan]:
    """Return the nodes of a dataflow graph; none if an older version of this plugin wrote the DAG."""
    from airflow_plugin.dag.plan import from_json

    plan = getattr(dag.get_task(FINISH), "plan", None)
    return from_json(json.loads(plan).get("nodes", [])) if plan is not None else []


def run_again(run: Cleared) -> set[str]:
    """Return the tasks whose skipped instances are to run again.

    Args:
        run: the run.
    """
    skipped = {task for task, of_task in run.states.items() if _SKIPPED in of_task.values()}
    if run.cut_off or not skipped:
        return skipped
    acting = _ending(run)
    first = {*_stopped(run, skipped, acting), *_gates(run, skipped, acting), *_over(run)} & skipped
    downstream: dict[str, list[str]] = defaultdict(list)
    for task in skipped:
        for before in run.upstream[task]:
            downstream[before].append(task)
    again: set[str] = set()
    while first:
        again |= first
        first = {after for task in first for after in downstream[task]} - again
    return again


def _stopped(run: Cleared, skipped: Collection[str], acting: Collection[str]) -> Iterator[str]:
    """Yield the tasks that were stopped and that nothing stops any more.

    What is before or after a task does not stop it, except that executions of a node may stop each other. Sets of tasks
    are numbers here, because a DAG may have thousands of tasks, and each may be ordered with each other one.
    """
    stopped = [task for task in skipped if task in run.stopped]
    if not stopped:
        return
    bits = {task: 1 << place for place, task in enumerate(run.upstream)}
    ordered = _ordered(run.upstream, bits)

    def all_of(tasks: Iterable[str]) -> int:
        return sum(bits[task] for task in {*tasks} if task in bits)

    failed = all_of(task for task, of_task in run.states.items() if "failed" in of_task.values())
    stopping = all_of(verdict for plan in run.plans if plan.node.stops_all for verdict in plan.node.verdicts)
    siblings: dict[str, int] = {}
    for plan in run.plans:
        node = plan.node
        if node.stops_siblings or node.sequential:
            siblings |= dict.fromkeys(node.steps, all_of(node.verdicts) | all_of(node.steps))
        if node.batches and node.ends_at_failure:
            siblings |= dict.fromkeys((*node.choosing, *node.steps), all_of(node.steps))
    ending_run = all_of(acting)
    for task in stopped:
        others = (stopping & failed & ~ordered[task]) | (ending_run & ~ordered[task] & ~bits[task])
        if not others | (siblings.get(task, 0) & failed):
            yield task


def _ordered(upstream: Mapping[str, Collection[str]], bits: Mapping[str, int]) -> dict[str, int]:
    """Return by task the set of the tasks before and after it."""
    order = list(TopologicalSorter(upstream).static_order())
    before, after = dict.fromkeys(order, 0), dict.fromkeys(order, 0)
    for task in order:
        for above in upstream[task]:
            before[task] |= before[above] | bits[above]
    for task in reversed(order):
        for above in upstream[task]:
            after[above] |= after[task] | bits[task]
    return {task: before[task] | after[task] for task in order}


def _ending(run: Cleared) -> set[str]:
    """Return the tasks whose actions have ended the run and still count."""
    acting = {task: before for plan in run.plans for task, before in plan.acting.items()}
    counting = effects(acting, run.states, run.actions.get) if run.actions else {}
    return {task for task, fired in counting.items() if ending(fired) is not None}


def _gates(run: Cleared, skipped: Collection[str], acting: Collection[str]) -> Iterator[str]:
    """Yield the gates whose node is to run, or has run since they found that it had not."""
    for task in skipped:
        if task in run.gates and task not in acting:
            above = {state for before in run.upstream[task] for state in run.states.get(before, {}).values()}
            if above and above.isdisjoint(_NOT_COMPLETE):
                yield task


def _over(run: Cleared) -> Iterator[str]:
    """Yield the tasks of nodes with a stop-condition that may start now, because an execution of it runs again."""
    for node in (plan.node for plan in run.plans if plan.node.stop_condition is not None):
        if not node.batches:
            if None in run.states.get(node.run, {}).values():
                yield node.run
            continue
        is_cleared = False
        for ask, step in zip(node.choosing, node.steps, strict=True):
            if is_cleared:
                yield from (ask, step)
            is_cleared = is_cleared or None in run.states.get(step, {}).values()
