"""Run the step of a node: as one execution, or as one Prefect task per point of its grid."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from prefect import get_run_logger
from prefect.cache_policies import NO_CACHE

from prefect_plugin.dataflow.actions import start
from prefect_plugin.dataflow.executions import Edge, LeftOut
from prefect_plugin.exceptions import StepError
from prefect_plugin.parameters.node_parameters import NodeInputs, NodeParameters
from prefect_plugin.parameters.points import Point
from prefect_plugin.remote.remote_node import RemoteNode, remote_node
from prefect_plugin.remote.stop_notices import obeyed
from prefect_plugin.run.current import current_node, current_run, record_state
from prefect_plugin.run.execution_context import execution_context
from prefect_plugin.tasks.display_names import flat
from prefect_plugin.tasks.kept_task import kept_task
from prefect_plugin.tasks.states import execution_state, skipped
from translator.shim.actions.effects import Seen
from translator.shim.contract import State as Outcome
from translator.shim.embedded.slots import slot
from translator.shim.execution import execute
from translator.shim.inputs import edges
from translator.shim.inputs.launch import launched
from translator.shim.outcome.earlier_run import EarlierRunError
from translator.shim.parameters import file_grid, grid, trials, visible
from translator.shim.parameters.batches import next_batch
from translator.shim.store import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from prefect_plugin.run.run_state import NodeRun
    from translator.shim.contract import ArtifactSource, Input, InputFiles, Manifest, Search, Step, Value, ValueSource

    Values: TypeAlias = Mapping[str, Value | Edge[ValueSource]]


class Job:
    """A step with the files of its inputs; a node's function creates it, and calls one of its methods."""

    __slots__ = ("_bad_input", "_environment", "_inputs", "_step", "failed", "in_order", "node")

    def __init__(
        self,
        step: Step,
        *,
        inputs: NodeInputs | None = None,
        input_edges: Mapping[str, Sequence[Edge[ArtifactSource]]] | None = None,
        edge_merge_mode: Literal["replace", "append"] = "replace",
        environment_edges: Mapping[str, Edge[ValueSource]] | None = None,
    ) -> None:
        """Collect the files of the step's inputs, and the values of its environment variables.

        Args:
            step: what to run.
            inputs: the node's inputs in the parameter form: the files of this run in place of the defaults.
            input_edges: by input of the step, the edges that bring its files.
            edge_merge_mode: whether these files replace those of ``inputs`` and the defaults, or join them.
            environment_edges: by environment variable of the command, the edge that brings its value, which replaces
                the step's.
        """
        self.node: NodeRun | RemoteNode = current_node()
        self.in_order = self.failed = False
        self._step = step
        declared = {item.name: item for item in step.inputs}
        present = {
            name: [edge for edge in values if not isinstance(edge.executions, LeftOut)]
            for name, values in (input_edges or {}).items()
        }
        form = {} if inputs is None else inputs.values()
        launch_uris, self._bad_input = launched(step, form, current_run().project)
        for name in launch_uris:
            if name in present:
                counting = edges.besides_launched([edge.source for edge in present[name]])
                present[name] = [edge for edge in present[name] if edge.source in counting]
        self._inputs: dict[str, InputFiles] = {}
        self._environment: dict[str, Value] = {}
        try:
            self._environment = _resolved(environment_edges or {}, many=set(), what="variable")
            self._inputs = self._files(declared, present, edge_merge_mode, launch_uris)
        except EarlierRunError as error:
            self._bad_input = self._bad_input or str(error)

    def __getstate__(self) -> dict[str, Any]:
        """Return what another machine needs to run an execution: plain values."""
        node = self.node if isinstance(self.node, RemoteNode) else remote_node(self.node)
        return {**{name: getattr(self, name) for name in self.__slots__}, "node": node}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)

    def _files(
        self,
        declared: Mapping[str, Input],
        present: Mapping[str, Sequence[Edge[ArtifactSource]]],
        edge_merge_mode: Literal["replace", "append"],
        launch_uris: Mapping[str, Sequence[str]],
    ) -> dict[str, InputFiles]:
        """Return what edges bring to each input.

        Raises:
            EarlierRunError: no earlier run has a node that is left out.
        """
        return {
            name: edges.files(
                declared[name],
                [edge.source for edge in present.get(name, ())],
                edge_merge_mode,
                _upstream(present.get(name, ())),
                self._step.dialect,
                launch_uris.get(name),
            )
            for name in declared
            if name in present or name in launch_uris
        }

    def run(self, form: NodeParameters | None = None, *, values: Values | None = None) -> Manifest:
        """Run the step once, in the current task run.

        Args:
            form: the node's group of the parameter form.
            values: values of pipeline parameters and edges, by parameter of the step; they win over the form.
        """
        lists = {parameter.name for parameter in self._step.parameters if parameter.multiple}
        own = {} if form is None else form.values()
        try:
            brought = _resolved(values or {}, many=lists)
        except EarlierRunError as error:
            brought, self._bad_input = {}, self._bad_input or str(error)
        point = Point(0, {**own, **brought})
        current_node().points = [point]
        self._start([point])
        return self.execute(point)

    def grid(
        self,
        form: NodeParameters | Sequence[NodeParameters] | None = None,
        *,
        values: Values | None = None,
        search: Search | None = None,
    ) -> list[Point]:
        """Return the points of the node's grid, in order.

        Args:
            form: the node's group of the parameter form: its axes, or explicit points.
            values: axes of pipeline parameters and edges, by parameter of the step; they win over the form. A single
                value is an axis of one.
            search: a random search; parameters that no distribution is for draw one of their values.

        Raises:
            translator.shim.parameters.grid.GridError: the grid has no points, or a value is bad.
        """
        axes: dict[str, Value] = {}
        sets = None
        if isinstance(form, NodeParameters):
            axes = form.values()
        elif form is not None:
            sets = [point.values() for point in form]
        names = {parameter.name for parameter in self._step.parameters}
        rows = grid.points(self._step, {**axes, **_resolved(values or {}, many=names)}, sets, search)
        points = [
            Point(index, row, label) for index, (row, label) in enumerate(zip(rows, grid.labels(rows), strict=True))
        ]
        current_node().points = points
        self._start(points)
        return points

    def members(self, form: NodeParameters | None = None, *, values: Values | None = None) -> list[Point]:
        """Return the points of a distributed task: one per member, all with the same parameters.

        Args:
            form: the node's group of the parameter form.
            values: values of pipeline parameters and edges, by parameter of the step; they win over the form.
        """
        group = self._step.distributed
        if group is None:
            raise StepError(f"the step {self._step.name!r} is not a distributed task")
        lists = {parameter.name for parameter in self._step.parameters if parameter.multiple}
        own = {**({} if form is None else form.values()), **_resolved(values or {}, many=lists)}
        points = [Point(rank, own) for rank in range(group.members)]
        node = current_node()
        node.points, node.group = points, group
        self._start(points)
        return points

    def batches(
        self, form: NodeParameters | None = None, *, values: Values | None = None, search: Search
    ) -> Iterator[list[Point]]:
        """Yield the points of a search batch by batch, each once the executions of the batches before have ended.

        The points of an earlier attempt at the run are kept, also if results have changed since.

        Args:
            form: the node's group of the parameter form: the values of parameters without a distribution.
            values: values of pipeline parameters and edges, by parameter of the step; they win over the form.
            search: a search with an objective.

        Raises:
            translator.shim.parameters.grid.GridError: the search has nothing to choose from, a value is bad, or Optuna
                is not installed.
        """
        node, run = current_node(), current_run()
        metric = search.objective.metric if search.objective is not None else ""
        names = {parameter.name for parameter in self._step.parameters}
        axes = {**({} if form is None else form.values()), **_resolved(values or {}, many=names)}
        earlier = trials.earlier(open_store(run.store), run.pipeline, run.resumes, node.name) if run.resumes else {}
        points: list[Point] = []
        while not node.is_over:
            chosen = next_batch(
                self._step,
                axes,
                search=search,
                trials=[trials.of(point.parameters, node.manifests.get(point.index), metric) for point in points],
                labels=[point.label for point in points],
                earlier=earlier,
            )
            if not chosen:
                return
            first = len(points)
            batch = [Point(index, row, label) for index, (row, label) in enumerate(chosen, first)]
            points += batch
            node.points = points
            if first == 0:
                self._start(batch)
            yield batch

    def files(self, form: NodeParameters | None = None, *, values: Values | None = None) -> list[Point]:
        """Return the points of a grid over files, in the order of the files' paths; there may be none.

        Args:
            form: the node's group of the parameter form.
            values: values of pipeline parameters and edges, by parameter of the step; they win over the form.

        Raises:
            translator.shim.parameters.grid.GridError: the directory does not exist.
        """
        axis = self._step.files
        if axis is None:
            raise StepError(f"the step {self._step.name!r} has no files to run over")
        own = {**({} if form is None else form.values()), **_resolved(values or {}, many=set())}
        rows = file_grid.points(self._step, axis, own, self._inputs.get(axis.over), current_run().project())
        self.in_order = axis.sequential
        points = [
            Point(index, {**own, **row}, file_grid.label(self._step, axis, {**own, **row}))
            for index, row in enumerate(rows)
        ]
        current_node().points = points
        return points

    def _start(self, points: Sequence[Point]) -> None:
        """Evaluate the node's actions for its start.

        Raises:
            prefect_plugin.dataflow.actions.PreventedError: an action ends the run.
        """
        node = current_node()
        if node.actions:
            start(node, [Seen(visible(self._step, point.parameters)) for point in points])

    def execute(self, point: Point) -> Manifest:
        """Run the step for one point, in the current task run, and record its manifest for the node."""
        node, name = self.node, _name_of(self.node, point)
        # Actions of a node can make it fail although its execution is complete.
        has_actions = not isinstance(node, RemoteNode) and node.kind == "execution" and bool(node.actions)
        with slot(), obeyed(node) if isinstance(node, RemoteNode) else nullcontext():
            manifest = execute(
                self._step,
                execution_context(
                    node, name, point.index, rejected=flat(name) in node.run.failed_before and not has_actions
                ),
                parameters=point.parameters,
                inputs=self._inputs,
                variables=self._environment,
                problem=self._bad_input,
            )
        node.ended(point.index, manifest)
        self.failed = self.failed or manifest.state is Outcome.ERROR
        return manifest


def _name_of(node: NodeRun | RemoteNode, point: Point) -> str:
    """Return the name of an execution in the UI, such as ``train[lr=0.1, batch=32]``."""
    return f"{node.name}[{point.label}]" if node.kind == "task" else node.name


def _name(parameters: dict[str, Any]) -> str:
    point: Point = parameters["point"]
    job: Job = parameters["job"]
    return flat(_name_of(job.node, point))


@kept_task(
    name="execution",
    task_run_name=_name,
    # Set all options, so that no default of a deployment changes what on-error means.
    retries=0,
    retry_delay_seconds=0,
    persist_result=False,
    cache_policy=NO_CACHE,
)
def execution(point: Point, job: Job) -> Any:  # a state; the result of the future is a Manifest
    """Run a step for one point of a grid.

    Args:
        point: the point.
        job: what to run.
    """
    if job.in_order and job.failed:
        return record_state(skipped("an execution before this one failed"))
    if job.node.is_over:
        return record_state(skipped("the stop-condition of the node holds"))
    return record_state(execution_state(job.execute(point), travels=isinstance(job.node, RemoteNode)))


def _upstream(edges: Sequence[Edge[Any]]) -> dict[str, Sequence[Manifest]]:
    return {edge.executions.node: edge.executions.manifests for edge in edges}


def _resolved(values: Values, many: set[str], what: str = "parameter") -> dict[str, Value]:
    """Return the values that exist: a pipeline parameter may have none, and an edge may bring none.

    Args:
        values: values and edges by parameter, or by variable.
        many: the parameters that take several values.
        what: what has these names.
    """
    by_name: dict[str, Value] = {}
    for name, value in values.items():
        if not isinstance(value, Edge):
            if value is not None:
                by_name[name] = value
            continue
        there, brought = edges.value(value.source, _upstream([value]), many=name in many)
        if there:
            by_name[name] = brought
        else:
            get_run_logger().warning(
                "%s passes no value: %s %r keeps its value", edges.describe(value.source), what, name
            )
            if value.default is not None:
                by_name[name] = value.default
    return by_name
