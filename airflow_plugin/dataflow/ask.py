"""Define the operator that chooses the next batch of a Bayesian search."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_plugin.dag.nodes import nodes
from airflow_plugin.dataflow.grid import GridOperator, failed
from airflow_plugin.exceptions import NotStarted
from airflow_plugin.run.directory import run_directory
from airflow_plugin.run.execution_context import resumed_run
from airflow_plugin.run.pipeline import pipeline_of
from airflow_plugin.run.stopping import tell_stopped
from airflow_plugin.tasks.entries import entry_of
from airflow_plugin.tasks.instances import named_tries, task_states
from airflow_plugin.tasks.stop_condition import HOLDS, holds
from translator.shim.outcome.reasons import of_failure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow.sdk import Context

    from airflow_plugin.dag.nodes import Node
    from airflow_plugin.dataflow.step import Point
    from translator.shim.contract import Manifest, Search, Step, Trial, Value
    from translator.shim.store import Store


class AskOperator(GridOperator):
    """An operator that chooses the points of the next batch of a search, which follow from the results so far.

    The batches of a node are the tasks ``ask_1`` and ``run_1``, ``ask_2`` and ``run_2``, ... of its task group. After
    the first one, a batch waits for both tasks of the one before, with the trigger rule ``all_done_min_one_success``:
    it starts if that was chosen, and all its executions have ended, whether or not they failed.

    Args:
        search: a search with an objective.
        kwargs: of ``GridOperator``.
    """

    search: Search

    def __init__(self, *, step: Step, search: Search, **kwargs: Any) -> None:
        super().__init__(step=step, search=search, **kwargs)

    def execute(self, context: Context) -> list[str]:
        """Choose the points; the mapped task after it runs once for each.

        Raises:
            NotStarted: the run or the search is stopped, or a condition does not hold.
            NodeError: the run has unknown parameters, a value is invalid, or Optuna is not installed.
        """
        from airflow_plugin.dataflow.upstream import MissingNodeError
        from translator.shim.outcome.earlier_run import EarlierRunError
        from translator.shim.parameters.grid import GridError

        store = self.begin(context)
        try:
            batch = self._batch(context, store)
        except (GridError, EarlierRunError, MissingNodeError) as error:
            raise failed(context, str(error)) from None
        return self.listed(context, batch)

    def points_of(self, context: Context, store: Store) -> list[dict[str, Value]]:
        """Return the points of the batch, without their labels."""
        return [point for point, _ in self._batch(context, store)]

    def _batch(self, context: Context, store: Store) -> list[tuple[dict[str, Value], str]]:
        from translator.shim.parameters import trials
        from translator.shim.parameters.batches import next_batch

        node = next(node for node in nodes(context["dag"]).values() if self.task_id in node.choosing)
        metric = self.search.objective.metric if self.search.objective is not None else ""
        labels: list[str] = []
        results: list[Trial] = []
        for points, manifests in self._before(context, store, node):
            labels += [point["label"] for point in points]
            results += [
                trials.of(point["parameters"], manifests.get(index), metric) for index, point in enumerate(points)
            ]
        pipeline, run = pipeline_of(context["dag"]), run_directory(context, store)
        runs = [name for name in (resumed_run(context), run) if name is not None]
        earlier: dict[int, Mapping[str, Value]] = {}
        for one in runs:
            earlier |= trials.earlier(store, pipeline, one, node.name)
        return next_batch(
            self.step,
            self.axes(context, store),
            search=self.search,
            trials=results,
            labels=labels,
            earlier=earlier,
        )

    def _before(
        self, context: Context, store: Store, node: Node
    ) -> Iterator[tuple[Sequence[Point], Mapping[int, Manifest]]]:
        """Yield, for each batch before this one, its points and by index the manifests of its complete executions.

        Raises:
            NotStarted: a batch was not chosen, or a failed execution ends the search.
        """
        from airflow_plugin.dataflow.upstream import complete_by_index

        ti, number = context["ti"], node.choosing.index(self.task_id)
        asks, steps = node.choosing[:number], node.steps[:number]
        states = task_states(context, [*asks, *steps]) if asks else {}
        if node.ends_at_failure and any("failed" in states.get(step, {}).values() for step in steps):
            raise NotStarted(f"not started: {tell_stopped(context, of_failure(node.name, several=True))}")
        for ask, step in zip(asks, steps, strict=True):
            points = ti.xcom_pull(task_ids=ask) if states.get(ask, {}).get(-1) == "success" else None
            if points is None:
                raise NotStarted(f"not started: {ask} has not chosen its batch")
            of_step = states.get(step, {})
            tries = named_tries(context, step, of_step) if "success" in of_step.values() else {}
            manifests = complete_by_index(store, of_step, tries)
            if holds(node.stop_condition, manifests.values()):
                raise NotStarted(f"not started: {HOLDS}")
            yield [entry_of(point) for point in points], manifests
