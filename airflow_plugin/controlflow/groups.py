"""Define the mapped task groups for the bodies of maps."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.sdk import TaskGroup, task_group

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_plugin.controlflow.composites import ItemsOperator


@contextmanager
def for_each(items: ItemsOperator, group_id: str) -> Iterator[Any]:
    """Open a task group that is mapped over the items of a map; yield the item for its tasks.

    It creates the same group as ``@task_group`` and ``expand``, but in a ``with`` block, so that its tasks are
    variables of the DAG file, and tasks outside it can refer to them.

    Args:
        items: lists the items.
        group_id: id of the group.
    """
    found: list[Any] = []

    @task_group(group_id=group_id)
    def group_of_item(item: Any) -> None:
        found.append(item)

    group = group_of_item.expand(item=items.output)
    if not isinstance(group, TaskGroup):
        raise TypeError(f"expected a task group, not {type(group).__name__}")
    with group:
        yield found[0]
