"""Decide in which order and in which process ``dag.test()`` runs tasks.

By itself, ``dag.test()`` runs one task after the other, in the order of a set, which is the order of memory addresses.
Then nothing could stop a long execution whose sibling has failed, and a step whose executions run one after another
until one fails could continue after a failure. Here, the instances of a mapped task run in the order of their indexes,
as Airflow's scheduler starts them, and in parallel if there are several slots.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from airflow_plugin.embedded.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow.sdk import DAG


@contextlib.contextmanager
def tasks_dispatched(dag: DAG, slots: int) -> Iterator[Workers | None]:
    """Run instances of mapped tasks in order, and up to ``slots`` tasks at once, while the context is open.

    Yield the processes that run the tasks; None if this process runs them, one after another.
    """
    from airflow.models.dagrun import DagRun
    from airflow.sdk.definitions import dag as module

    workers = Workers(dag, slots) if slots > 1 else None
    run_here: Callable[..., Any] = module._run_task  # noqa: SLF001 - no public API decides what runs next, and where
    update: Callable[..., Any] = DagRun.update_state
    scheduled: dict[tuple[str, str], list[Any]] = {}

    def dispatch(*, ti: Any, task: Any, **kwargs: Any) -> Any:
        of_task = scheduled.setdefault((ti.run_id, ti.task_id), [])
        if not of_task:
            of_task.extend(_scheduled(ti))
        instance = of_task.pop(0) if of_task else ti
        if workers is None or not workers.start(instance, getattr(task, "max_active_tis_per_dagrun", None)):
            run_here(ti=instance, task=task, **kwargs)

    module._run_task = dispatch  # noqa: SLF001
    if workers is not None:
        DagRun.update_state = _when_due(update, workers)  # type: ignore[method-assign]
    try:
        yield workers
    finally:
        module._run_task = run_here  # noqa: SLF001
        DagRun.update_state = update  # type: ignore[method-assign]
        if workers is not None:
            workers.end()


def _scheduled(ti: Any) -> list[Any]:
    """Return the instances of the same mapped task that are scheduled in this turn, by index."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.sdk import TaskInstanceState
    from airflow.utils.session import create_session
    from sqlalchemy import select

    if ti.map_index < 0:
        return []
    same = (TaskInstance.dag_id == ti.dag_id, TaskInstance.run_id == ti.run_id, TaskInstance.task_id == ti.task_id)
    scheduled = select(TaskInstance).where(*same, TaskInstance.state == TaskInstanceState.SCHEDULED)
    with create_session() as session:
        return list(session.scalars(scheduled.order_by(TaskInstance.map_index)))


def _when_due(update: Callable[..., Any], workers: Workers) -> Callable[..., Any]:
    """Return ``DagRun.update_state`` that returns only when a task can start: ``dag.test()`` would sleep a second."""

    def update_state(dag_run: Any, *, session: Any, **kwargs: Any) -> Any:
        def wait() -> None:
            session.commit()  # else the tasks would wait for the database, which this session has locked
            workers.wait()
            session.expire_all()

        if workers.postponed and workers.busy:
            wait()
        result = update(dag_run, session=session, **kwargs)
        while not result[0] and dag_run.state == "running" and workers.busy and not workers.postponed:
            wait()
            result = update(dag_run, session=session, **kwargs)
        workers.postponed = False
        return result

    return update_state
