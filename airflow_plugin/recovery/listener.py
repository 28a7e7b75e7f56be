"""Listen for changes of a run that its tasks cannot see, so that ``run.json`` records them.

Airflow gives a run that a person marks its state at once only if its task ``finish``, a teardown, has ended. Then
nothing of the run is started any more, and the listener corrects ``run.json``. Else Airflow ends all other tasks and
lets ``finish`` decide; nothing but this listener tells it what the person wanted. A person may also mark an instance,
or have one run again without what follows, so that ``finish`` does not start: then the listener writes anew how the
executions stand. The run keeps the state that ``finish`` gave it, as it does in Airflow. What people do is heard in the
API server, the end of a run in the scheduler.

If a person clears what failed or marks it as success, what was skipped because of it is cleared, too, when the
scheduler starts the run again.

A run that takes longer than its ``dagrun_timeout`` is ended by the scheduler, and all that has not ended is skipped,
``finish`` too. Then the listener writes ``run.json``.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow.listeners import hookimpl

from airflow_plugin.dag.finish_task import FINISH, is_finish
from airflow_plugin.database.run import Pushed, dag_of_run
from airflow_plugin.recovery import reached_again
from airflow_plugin.recovery.late_records import write_when_committed
from airflow_plugin.run.mark import INSTANCE, KEY, RunMark, bearer
from airflow_plugin.tasks.instances import ENDED

if TYPE_CHECKING:
    from airflow_plugin.run.mark import Mark

_BY_HAND = "Dag Run's state was manually set"
_INSTANCE_BY_HAND = "TaskInstance's state was manually set"
_RUNNING = ("running", "deferred", "up_for_reschedule", "awaiting_input")
"""The states of instances that Airflow ends when a person marks them or their run."""
_TIMED_OUT = ("timed_out", "")
"""What the scheduler says of a run that timed out; Airflow 3.1 says nothing."""

log = logging.getLogger(__name__)


@hookimpl
def on_dag_run_running(dag_run: Any, msg: str) -> None:  # noqa: ARG001 - Airflow calls it with these names
    """Let tasks of a cleared run that were skipped because of a failure run again if that is gone."""
    if not dag_run.clear_number or dag_run.dag is None or not dag_run.dag.has_task(FINISH):
        return
    session = _session(dag_run)
    if session is None:
        return
    try:
        reached_again.clear(session, dag_run)
    except Exception:
        log.exception("tasks of %s that were skipped stay so", dag_run.run_id)


@hookimpl
def on_dag_run_success(dag_run: Any, msg: str) -> None:
    """Record that a person marked a run as success."""
    if _is_by_hand(dag_run, msg):
        _keep(dag_run, "success")
    else:
        _catch_up(dag_run)


@hookimpl
def on_dag_run_failed(dag_run: Any, msg: str) -> None:
    """Record that a person marked a run as failed; write the record of a run that timed out."""
    if _is_by_hand(dag_run, msg):
        _keep(dag_run, "failed")
    elif msg in _TIMED_OUT:
        write_when_committed(dag_run, ended=False)
    else:
        _catch_up(dag_run)


@hookimpl
def on_task_instance_success(task_instance: Any) -> None:
    """Record that a person marked an instance as success."""
    _keep_instance(task_instance)


@hookimpl
def on_task_instance_failed(task_instance: Any, error: Any) -> None:
    """Record that a person marked an instance as failed."""
    if str(error).startswith(_INSTANCE_BY_HAND):
        _tell_mark(task_instance)
    _keep_instance(task_instance)


def _is_by_hand(dag_run: Any, msg: str) -> bool:
    # For a person's mark, Airflow 3.1 passes no message. Only the scheduler gives a run its DAG.
    return msg.startswith(_BY_HAND) if msg else dag_run.dag is None


def _keep(dag_run: Any, state: Mark) -> None:
    """Record how a person marked a run."""
    try:
        instances = _instances(dag_run)
        finish = _finish(instances)
        if finish is None:
            return
        if finish.state in ENDED:
            _correct(dag_run, instances, state)
        else:
            task_id = bearer({ti.task_id for ti in instances})
            map_index = min(ti.map_index for ti in instances if ti.task_id == task_id)
            cut = _running_before(_session(dag_run), dag_run.dag_id, dag_run.run_id)
            _tell_finish(dag_run, task_id, map_index, RunMark(state, frozenset(cut)))
    except Exception:
        log.exception("run.json of %s will not record that a person marked the run", dag_run.run_id)


def _keep_instance(instance: Any) -> None:
    """Record how a person marked an instance.

    Workers, which have no database, also call this when a task ends. The scheduler does when it gives up a task that
    was lost with its worker, with an instance of no session; the end of the run records that.
    """
    if not hasattr(instance, "_sa_instance_state") or _session(instance) is None:
        return
    if instance.task_id != FINISH:
        write_when_committed(instance, ended=True)


def _catch_up(dag_run: Any) -> None:
    """Record what the task ``finish`` of an ended run has not recorded.

    That is what ran after it, and what a person marked while it ran; if it was killed, everything.
    """
    if dag_run.dag is None or not dag_run.dag.has_task(FINISH):
        return
    if _session(dag_run) is None:  # ``dag.test()``, in which nobody marks anything
        return
    try:
        instances = _instances(dag_run)
        finish = _finish(instances)
        if finish is None or finish.start_date is None:
            return
        others = (ti for ti in instances if ti is not finish)
        late = any(ti.updated_at and ti.updated_at > finish.start_date for ti in others)
        lost = finish.state == "failed" and _document(dag_run) is None
    except Exception:
        log.exception("run.json of %s may be incomplete", dag_run.run_id)
        return
    if late or lost:
        write_when_committed(dag_run, ended=not lost, decided=True)


def _finish(instances: list[Any]) -> Any:
    """Return the task that ends a run, if this plugin defines it."""
    return next((ti for ti in instances if is_finish(ti)), None)


def _session(changed: Any) -> Any:
    """Return the session of the request that also contains the mark."""
    from sqlalchemy.orm import object_session

    return object_session(changed)


def _instances(changed: Any) -> list[Any]:
    """Return all instances of a run, or of the run of an instance."""
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy import select

    of_run = (TaskInstance.dag_id == changed.dag_id, TaskInstance.run_id == changed.run_id)
    return list(_session(changed).scalars(select(TaskInstance).where(*of_run)))


def _running_before(session: Any, dag_id: str, run_id: str) -> list[tuple[str, int]]:
    """Return by task and map index the instances that ran until the request of a session, which is not committed."""
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy import select
    from sqlalchemy.orm import Session

    columns = (TaskInstance.task_id, TaskInstance.map_index)
    of_run = (TaskInstance.dag_id == dag_id, TaskInstance.run_id == run_id, TaskInstance.state.in_(_RUNNING))
    with Session(session.get_bind()) as before:
        return [(task_id, map_index) for task_id, map_index in before.execute(select(*columns).where(*of_run))]


def _tell_mark(instance: Any) -> None:
    """Tell ``finish`` that a person marked an instance of a run of this plugin as failed while it ran."""
    session = _session(instance)
    try:
        if session is None:
            return
        ran = _running_before(session, instance.dag_id, instance.run_id)
        if (instance.task_id, instance.map_index) in ran and _finish(_instances(instance)) is not None:
            _push(instance, instance.task_id, instance.map_index, INSTANCE, instance.map_index)
    except Exception:
        log.exception("run.json of %s will not record that a person marked %s", instance.run_id, instance.task_id)


def _tell_finish(dag_run: Any, task_id: str, map_index: int, mark: RunMark) -> None:
    _push(dag_run, task_id, map_index, KEY, mark.as_value(dag_run.clear_number or 0))


def _push(changed: Any, task_id: str, map_index: int, key: str, value: Any) -> None:
    """Store an XCom of an instance of a run in the session of the request.

    It is stored as Airflow stores what a worker pushes, because workers read it unchanged. ``XComModel.set`` of Airflow
    3.1 always encodes a value once more.

    Args:
        changed: the run, or an instance of it.
        task_id: the task.
        map_index: its map index.
        key: of the XCom; one of the same key is replaced.
        value: made of JSON types.
    """
    from airflow.models.dagrun import DagRun
    from airflow.models.xcom import XComModel
    from sqlalchemy import delete, select

    session = _session(changed)
    of_run = (DagRun.dag_id == changed.dag_id, DagRun.run_id == changed.run_id)
    row = {
        "dag_run_id": session.scalar(select(DagRun.id).where(*of_run)),
        "task_id": task_id,
        "map_index": map_index,
        "key": key,
    }
    session.execute(delete(XComModel).where(*(getattr(XComModel, name) == held for name, held in row.items())))
    session.add(XComModel(**row, dag_id=changed.dag_id, run_id=changed.run_id, value=value))
    session.flush()


def _correct(dag_run: Any, instances: list[Any], state: Mark) -> None:
    """Update the ``run.json`` that ``finish`` wrote."""
    from airflow_plugin.configuration.locations import store_address
    from translator.shim.outcome.run_record import mark
    from translator.shim.store import open_store

    if (uri := _document(dag_run)) is not None:
        dag = dag_of_run(_session(dag_run), dag_run, instances)
        mark(open_store(store_address(dag.default_args if dag is not None else {})), uri, state)


def _document(dag_run: Any) -> str | None:
    """Return the URI of the ``run.json`` that the task ``finish`` wrote."""
    return Pushed(_session(dag_run), dag_run.dag_id, dag_run.run_id).document()
