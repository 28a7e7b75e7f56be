"""Record how a person marked a run: an XCom that the listener leaves for the task ``finish``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from airflow_plugin.dag.finish_task import FINISH

if TYPE_CHECKING:
    from collections.abc import Collection

    from airflow.sdk import Context

    Mark = Literal["success", "failed"]

KEY = "run_marked"


def marked(context: Context) -> Mark | None:
    """Return how a person marked the run since it was last cleared, for its task ``finish``."""
    pulled = context["ti"].xcom_pull(task_ids=bearer(context["dag"].task_ids), key=KEY)
    said = pulled[0] if isinstance(pulled, list) and pulled else pulled
    if not isinstance(said, dict) or said["clear_number"] != (context["dag_run"].clear_number or 0):
        return None
    mark: Mark = said["state"]
    return mark


def bearer(task_ids: Collection[str]) -> str:
    """Return the task whose instance holds the XCom, because ``finish`` loses its XComs when it starts."""
    return min(task_id for task_id in task_ids if task_id != FINISH)
