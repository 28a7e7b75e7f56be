"""Ask Airflow about a run of a control-flow graph: the interface, and its implementation for a running task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from airflow_plugin.configuration.locations import store_address
from airflow_plugin.controlflow.structure import read
from airflow_plugin.run.directory import run_directory
from airflow_plugin.run.mark import INSTANCE, indexes
from airflow_plugin.run.pipeline import pipeline_of
from airflow_plugin.tasks.entries import entry_of
from airflow_plugin.tasks.instances import KEY, tries_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from airflow.sdk import Context

    from airflow_plugin.controlflow.structure import Graph
    from airflow_plugin.run.mark import RunMark
    from translator.shim.contract import StoreAddress
    from translator.shim.store import Store


class RunQueries(Protocol):
    """The interface to Airflow's knowledge of a run, for tasks and for the database."""

    pipeline: str
    root: Graph
    params: Mapping[str, Any]
    store: StoreAddress

    def folder(self, store: Store, tries: Iterable[str]) -> str:
        """Return the run's name in the store; ``tries`` are URIs of its manifests, if there are any."""

    def states(self, task_id: str | None = None, number: int | None = None) -> Mapping[str, str | None]:
        """Return the states of all instances, or of one task: by the task's id, or by the id, ``_`` and a number."""

    def items(self, task_id: str) -> Sequence[Mapping[str, Any]]:
        """Return the items of a map, for one item of each enclosing map."""

    def tries(self, task_id: str) -> Mapping[int, str]:
        """Return by number the URIs that the instances of a task have named."""

    def marked(self, task_id: str) -> Collection[int]:
        """Return the numbers of the instances of a task that a person marked as failed while they ran."""


class TaskQueries:
    """A run, as one of its tasks can query it.

    Args:
        context: the task's.
        mark: how a person marked the run.
    """

    def __init__(self, context: Context, mark: RunMark | None = None) -> None:
        self._context = context
        self._mark = mark
        self.pipeline: str = pipeline_of(context["dag"])
        self.root = read(context["dag"])
        self.params: Mapping[str, Any] = context["params"]
        self.store = store_address(context["dag"].default_args)

    def folder(self, store: Store, tries: Iterable[str]) -> str:
        """Return the run's name in the store."""
        return run_directory(self._context, store, tries)

    def states(self, task_id: str | None = None, number: int | None = None) -> Mapping[str, str | None]:
        """Return the states of all instances, or of those of a task."""
        ti = self._context["ti"]
        task_ids = [task_id] if task_id else None
        listed = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id], task_ids=task_ids, map_index=number)
        states: Mapping[str, str | None] = listed.get(ti.run_id, {})
        return states if self._mark is None else self._mark.before_by_key(states)

    def items(self, task_id: str) -> Sequence[Mapping[str, Any]]:
        """Return the items of a map, for one item of each enclosing map."""
        return [entry_of(item) for item in self._context["ti"].xcom_pull(task_ids=task_id) or ()]

    def tries(self, task_id: str) -> Mapping[int, str]:
        """Return by number the URIs that the instances of a task have named."""
        return tries_of(self._context["ti"].xcom_pull(task_ids=task_id, key=KEY))  # its steps reuse nothing

    def marked(self, task_id: str) -> Collection[int]:
        """Return the numbers of the instances of a task that a person marked as failed while they ran."""
        return indexes(self._context["ti"].xcom_pull(task_ids=task_id, key=INSTANCE))
