"""Make ``dag.test()`` run the instances of a mapped task in the order of their indexes, as Airflow's scheduler does.

By itself, ``dag.test()`` runs scheduled instances in the order of a set, which is the order of memory addresses. Then
a step whose executions run one after another until one fails could continue after a failure, or skip an earlier one.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def mapped_in_order() -> Iterator[None]:
    """Run the instances of a mapped task in the order of their indexes, while the context is open."""
    from airflow.sdk.definitions import dag

    run: Any = dag._run_task  # noqa: SLF001 - no public API decides what runs next
    waiting: dict[tuple[str, str], list[Any]] = {}

    def run_first(*, ti: Any, **kwargs: Any) -> Any:
        of_task = waiting.setdefault((ti.run_id, ti.task_id), [])
        if not of_task:
            of_task.extend(_scheduled(ti))
        return run(ti=of_task.pop(0) if of_task else ti, **kwargs)

    dag._run_task = run_first  # noqa: SLF001
    try:
        yield
    finally:
        dag._run_task = run  # noqa: SLF001


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
