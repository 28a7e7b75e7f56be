"""Record what a person marked while it ran: XComs that the listener leaves for the task ``finish``.

Airflow gives an instance that runs its state at once, and kills it at its next heartbeat. On a busy machine or with a
slow store, that leaves it no time to write how it ended. It would look like an execution that was lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from airflow_plugin.dag.finish_task import FINISH

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from airflow.sdk import Context

    from airflow_plugin.tasks.instances import States

    Mark = Literal["success", "failed"]

KEY = "run_marked"
"""The key of the XCom that says how a person marked the run."""
INSTANCE = "marked"
"""The key of the XCom that says that a person marked the instance as failed while it ran; its value is its index."""


@dataclass(frozen=True, slots=True)
class RunMark:
    """A person's mark of a run; ``cut`` are the instances that it ended, by task and map index."""

    state: Mark
    cut: frozenset[tuple[str, int]] = frozenset()

    def before(self, states: Mapping[str, States]) -> dict[str, States]:
        """Return states of instances as they were when the person marked the run as failed."""
        return {
            task: {
                index: "running" if state == "failed" and (task, index) in self.cut else state
                for index, state in of_task.items()
            }
            for task, of_task in states.items()
        }

    def before_by_key(self, listed: Mapping[str, str | None]) -> dict[str, str | None]:
        """Return the same of states that Airflow lists by task id, or by the id, ``_`` and the index."""
        cut = {task if index < 0 else f"{task}_{index}" for task, index in self.cut}
        return {key: "running" if state == "failed" and key in cut else state for key, state in listed.items()}

    def as_value(self, clear_number: int) -> dict[str, Any]:
        """Return the value of the XCom."""
        return {"state": self.state, "clear_number": clear_number, "cut": sorted(map(list, self.cut))}


def run_mark(context: Context) -> RunMark | None:
    """Return how a person marked the run since it was last cleared, for its task ``finish``."""
    pulled = context["ti"].xcom_pull(task_ids=bearer(context["dag"].task_ids), key=KEY)
    return read(pulled[0] if isinstance(pulled, list) and pulled else pulled, context["dag_run"].clear_number or 0)


def read(value: Any, clear_number: int) -> RunMark | None:
    """Return the mark in the value of an XCom; None if the run was cleared since.

    Args:
        value: the value.
        clear_number: how often the run has been cleared.
    """
    if not isinstance(value, dict) or value["clear_number"] != clear_number:
        return None
    return RunMark(value["state"], frozenset((task, index) for task, index in value.get("cut", ())))


def marked_failed(context: Context, states: Mapping[str, States]) -> dict[str, set[int]]:
    """Return by task the instances that a person marked as failed while they ran.

    Args:
        context: of the task ``finish``.
        states: the states of all instances.
    """
    failed = [task for task, of_task in states.items() if "failed" in of_task.values()]
    return {task: indexes(context["ti"].xcom_pull(task_ids=task, key=INSTANCE)) for task in failed}


def indexes(pulled: Any) -> set[int]:
    """Return the map indexes in the XComs of a task; Airflow returns one XCom itself, and several as a sequence."""
    values: Iterable[Any] = [pulled] if isinstance(pulled, int) else pulled or ()
    return {value for value in values if isinstance(value, int)}


def bearer(task_ids: Collection[str]) -> str:
    """Return the task whose instance holds the XCom, because ``finish`` loses its XComs when it starts."""
    return min(task_id for task_id in task_ids if task_id != FINISH)
