"""Start no more executions of a node once its ``stop-condition`` holds for the metadata of a complete one.

An execution for which it holds pushes an XCom, so that the others need not read all manifests before they start. As
that stays when the instance is cleared, it counts only together with the state of its instance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_plugin.tasks.instances import task_states
from translator.shim.actions import conditions
from translator.shim.contract import State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow.sdk import Context

    from translator.shim.contract import Manifest

KEY = "stop_condition"
"""The key of the XCom that says that the condition holds; its value is the map index."""
HOLDS = "the stop-condition of the node holds"


def tell(context: Context, condition: str | None, manifest: Manifest) -> Manifest:
    """Push the XCom if the condition holds for an execution that has ended; return its manifest."""
    if holds(condition, [manifest]):
        context["ti"].xcom_push(KEY, context["ti"].map_index)
    return manifest


def is_told(context: Context) -> bool:
    """Return whether the condition holds for an execution of the same task that is complete now."""
    ti = context["ti"]
    pulled = ti.xcom_pull(task_ids=ti.task_id, key=KEY)
    indexes = [pulled] if isinstance(pulled, int) else list(pulled or ())
    states = task_states(context, [ti.task_id]).get(ti.task_id, {}) if indexes else {}
    return any(states.get(index) == "success" for index in indexes)


def holds(condition: str | None, manifests: Iterable[Manifest]) -> bool:
    """Return whether a condition holds for the metadata of one of some executions."""
    return condition is not None and any(
        manifest.state is State.COMPLETE and conditions.is_met(condition, manifest.metadata) for manifest in manifests
    )
