"""The operator that computes the grid of a task node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException, conf
from airflow.sdk import BaseOperator

from airflow_plugin.parameters import run_values
from airflow_plugin.settings import store_uri
from airflow_plugin.stopping import stop_reason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

    from airflow_plugin.parameters import DagParam, Given
    from translator.shim.contract import Step, Value, ValueSource


class GridOperator(BaseOperator):
    """Computes the points of a grid from DAG params and from what other nodes left.

    Args:
        step: the step that runs once per point.
        parameters: by parameter of the step, the DAG param with the values it takes, or these values.
        parameter_edges: by parameter of the step, the edge that brings its values, which wins over ``parameters``.
        points: explicit sets of values instead of a product of axes, or the DAG param that has them; other parameters
            still span axes.
        kwargs: of every operator.
    """

    template_fields: Sequence[str] = ()
    ui_color = "#eef3f8"

    def __init__(
        self,
        *,
        step: Step,
        parameters: Mapping[str, Given] | None = None,
        parameter_edges: Mapping[str, ValueSource] | None = None,
        points: DagParam | Sequence[Mapping[str, Value]] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.step = step
        self.parameters = parameters or {}
        self.parameter_edges = parameter_edges or {}
        self.points = points

    def execute(self, context: Context) -> list[dict[str, Value]]:
        """Compute the points; the mapped task after it runs once for each.

        Raises:
            AirflowSkipException: the run is stopped.
            AirflowFailException: the grid has no points, or more than Airflow maps over, or bad values.
        """
        from airflow_plugin.upstream import upstream_manifests
        from translator.shim import edges, grid
        from translator.shim.store import open_store

        if reason := stop_reason(context)():
            raise AirflowSkipException(f"not started: {reason}")
        sources = [edge.source for edge in self.parameter_edges.values()]
        upstream = upstream_manifests(context, sources, open_store(store_uri())) if sources else {}
        axes: dict[str, Any] = run_values(self.parameters, context["params"])
        for name, edge in self.parameter_edges.items():
            found, value = edges.value(edge, upstream, many=True)
            if found:
                axes[name] = value
            else:
                self.log.warning("%s brings no value: parameter %r keeps what it has", edges.describe(edge), name)
        asked: dict[str, Any] = {} if self.points is None else {"sets": self.points}
        sets: Any = run_values(asked, context["params"]).get("sets")
        try:
            points = grid.points(self.step, axes, sets)
        except grid.GridError as error:
            raise AirflowFailException(str(error)) from None
        if len(points) > (most := conf.getint("core", "max_map_length", fallback=1024)):
            raise AirflowFailException(f"the grid has {len(points)} points; [core] max_map_length allows {most}")
        self.log.info("%d executions:\n%s", len(points), "\n".join(grid.label(point) for point in points))
        return points
