"""Define the operator that computes the grid of a task node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import conf
from airflow.sdk import BaseOperator

from airflow_plugin.configuration.locations import store_address
from airflow_plugin.dag.nodes import nodes
from airflow_plugin.dataflow.step import Point
from airflow_plugin.exceptions import NodeError, NotStarted
from airflow_plugin.parameters.dag_params import run_values
from airflow_plugin.parameters.run_conf import unknown_keys
from airflow_plugin.run.stopping import stop_reason
from airflow_plugin.tasks.entries import texts_of
from airflow_plugin.tasks.instances import REASON, gone_for_good

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from airflow.sdk import Context

    from airflow_plugin.dag.conditions import Condition
    from airflow_plugin.parameters.dag_params import Given, ParamReference
    from translator.shim.contract import ArtifactSource, FileAxis, Search, Step, Value, ValueSource
    from translator.shim.store import Store


class GridOperator(BaseOperator):
    """An operator that computes the points of a grid: from DAG params and upstream nodes, or from files in a directory.

    Args:
        step: the step that runs once per point.
        parameters: by parameter of the step, the DAG param with the values it takes, or these values.
        parameter_edges: by parameter of the step, the edge that brings its values, which wins over ``parameters``.
        points: explicit sets of values instead of a product of axes, or the DAG param that has them; other parameters
            remain axes.
        search: a random search; parameters that no distribution is for draw one of their values.
        input_edges: the edges that bring the files of a step with ``files``; the step runs once per file, and there
            may be none.
        project: the directory of the source file, or its snapshot; usually one of the DAG's ``default_args``.
        only_if: what must hold, or else the node is skipped, and what follows it too.
        included_if: what must hold, or else the node is not part of the run.
        kwargs: of every operator.
    """

    template_fields: Sequence[str] = ()
    ui_color = "#eef3f8"

    def __init__(  # noqa: PLR0913 - all of them keywords
        self,
        *,
        step: Step,
        parameters: Mapping[str, Given] | None = None,
        parameter_edges: Mapping[str, ValueSource] | None = None,
        points: ParamReference | Sequence[Mapping[str, Value]] | None = None,
        search: Search | None = None,
        input_edges: Mapping[str, Sequence[ArtifactSource]] | None = None,
        project: str | Path = ".",
        only_if: Sequence[Condition] = (),
        included_if: Sequence[Condition] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.step = step
        self.parameters = parameters or {}
        self.parameter_edges = parameter_edges or {}
        self.points = points
        self.search = search
        self.input_edges = input_edges or {}
        self.project = project
        self.only_if = only_if
        self.included_if = included_if

    def execute(self, context: Context) -> list[str]:
        """Compute the points; the mapped task after it runs once for each.

        Raises:
            NotStarted: the run is stopped, or a condition does not hold.
            NodeError: the run has unknown parameters, or the grid is empty (over files: the directory does not
                exist), too large for Airflow, or has invalid values.
        """
        from airflow_plugin.dataflow.upstream import MissingNodeError
        from translator.shim import code
        from translator.shim.outcome.earlier_run import EarlierRunError
        from translator.shim.parameters import file_grid, grid

        store = self.begin(context)
        files = self.step.files
        try:
            points = self._over_files(context, files, store) if files else self.points_of(context, store)
        except (grid.GridError, code.CodeError, EarlierRunError, MissingNodeError) as error:
            raise failed(context, str(error)) from None
        labels = [file_grid.label(self.step, files, point) for point in points] if files else grid.labels(points)
        return self.listed(context, list(zip(points, labels, strict=True)))

    def begin(self, context: Context) -> Store:
        """Check that the executions may be chosen; returns the store.

        Raises:
            NotStarted: the run is stopped, or a condition does not hold.
            NodeError: the run has unknown parameters.
        """
        from airflow_plugin.dataflow.unmet_conditions import unmet
        from translator.shim.store import open_store

        if reason := stop_reason(context)():
            raise NotStarted(f"not started: {reason}")
        if problem := unknown_keys(context):
            raise NodeError(problem)
        store = open_store(store_address(context["dag"].default_args))
        if reason := unmet(context, (*self.included_if, *self.only_if), store):
            raise NotStarted(reason)
        return store

    def listed(self, context: Context, points: Sequence[tuple[Mapping[str, Value], str]]) -> list[str]:
        """Return points with their labels as the mapped task after this one takes them.

        Raises:
            NodeError: Airflow does not start one instance for each of them.
        """
        if len(points) > (most := conf.getint("core", "max_map_length", fallback=1024)):
            allowed = f"the grid has {len(points)} points; [core] max_map_length allows {most}"
            raise failed(context, self.step.located(allowed))
        own = next((node for node in nodes(context["dag"]).values() if self.task_id in node.choosing), None)
        steps = [own.steps[own.choosing.index(self.task_id)]] if own is not None else []
        if gone := gone_for_good(context, steps, len(points)):
            raise failed(context, self.step.located(gone))
        self.log.info("%d executions:\n%s", len(points), "\n".join(label for _, label in points))
        return texts_of(Point(label=label, parameters=point) for point, label in points)

    def _over_files(self, context: Context, axis: FileAxis, store: Store) -> list[dict[str, Value]]:
        from airflow_plugin.dataflow.step import edges_in_run
        from airflow_plugin.dataflow.upstream import edge_manifests
        from translator.shim import code
        from translator.shim.inputs import edges
        from translator.shim.parameters import file_grid

        inputs = edges_in_run(context, self.input_edges, store).get(axis.over, [])
        upstream = edge_manifests(context, inputs, store)
        declared = next((one for one in self.step.inputs if one.name == axis.over), None)
        brought = edges.files(declared, inputs, "replace", upstream, self.step.dialect) if declared else None
        values = run_values(self.parameters, context["params"])
        return file_grid.points(self.step, axis, values, brought, code.directory(self.project, store))

    def points_of(self, context: Context, store: Store) -> list[dict[str, Value]]:
        """Return the points of a grid that is not over files, as the run's params and upstream nodes have them now.

        Raises:
            MissingNodeError: the run has no task instances of a node that edges start at.
            translator.shim.parameters.grid.GridError: the grid is empty, or has invalid values.
            translator.shim.outcome.earlier_run.EarlierRunError: no earlier run has a node that is left out.
        """
        from translator.shim.parameters import grid

        axes = self.axes(context, store)
        sets_parameter: dict[str, Any] = {} if self.points is None else {"sets": self.points}
        sets: Any = run_values(sets_parameter, context["params"]).get("sets")
        return grid.points(self.step, axes, sets, self.search)

    def axes(self, context: Context, store: Store) -> dict[str, Any]:
        """Return the values of parameters from DAG params and from upstream nodes.

        Raises:
            MissingNodeError: the run has no task instances of a node that edges start at.
            translator.shim.outcome.earlier_run.EarlierRunError: no earlier run has a node that is left out.
        """
        from airflow_plugin.dataflow.upstream import edge_manifests, edge_values

        upstream = edge_manifests(context, self.parameter_edges.values(), store) if self.parameter_edges else {}
        brought = edge_values(self.parameter_edges, upstream, self.log.warning, several=self.parameter_edges)
        return {**run_values(self.parameters, context["params"]), **brought}


def failed(context: Context, reason: str) -> NodeError:
    """Return the exception that fails the node; the reason is kept for the run's record."""
    context["ti"].xcom_push(REASON, reason)
    return NodeError(reason)
