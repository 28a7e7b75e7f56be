"""Find the node of a control-flow graph for a task instance's links, in the API server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_plugin.controlflow.structure import STEP, place_of
from airflow_plugin.database.lookups import pushed
from airflow_plugin.tasks.entries import entry_of
from translator.shim.outcome.plans import BODY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.providers.common.compat.sdk import TaskInstanceKey
    from airflow.sdk import BaseOperator


def is_controlflow(operator: BaseOperator) -> bool:
    """Return whether an operator, as Airflow has stored it, is one of a control-flow graph."""
    return str(getattr(operator, "_task_module", "")).startswith(__package__ or "")


def node_of(operator: BaseOperator, ti_key: TaskInstanceKey) -> str:
    """Return the dotted path of the node."""
    path = place_of(operator)
    maps = path.count(BODY)
    index: Sequence[int] = (ti_key.map_index,)
    if maps > 1:
        index = _item(operator, ti_key)
    of_items = iter(index)
    return ".".join(str(next(of_items, ti_key.map_index)) if part == BODY else part for part in path)


def _item(operator: Any, ti_key: TaskInstanceKey) -> Sequence[int]:
    """Return the number of the item in each enclosing map, as assigned by the task that listed the items."""
    # The tasks of a composite node lie in its group; the enclosing group determines their item.
    group = operator.task_group if operator.task_type == STEP else operator.task_group.parent_group
    while group is not None and f"{group.group_id}.items" not in group.children:
        group = group.parent_group
    if group is None:
        return ()
    listed = pushed(ti_key.dag_id, ti_key.run_id, f"{group.group_id}.items", -1, "return_value") or []
    if not 0 <= ti_key.map_index < len(listed):
        return ()
    index: Sequence[int] = entry_of(listed[ti_key.map_index])["index"]
    return index
