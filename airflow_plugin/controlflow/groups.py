"""Define the mapped task groups for the bodies of maps."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from airflow.sdk import task_group

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.sdk import TaskGroup

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
    listed: list[Any] = []

    @task_group(group_id=group_id)
    def group_of_item(item: Any) -> None:
        listed.append(item)

    # A function that returns nothing is expanded to its task group, and called once with the item.
    with cast("TaskGroup", group_of_item.expand(item=items.output)):
        yield listed[0]
