"""Define the operator that runs a step."""

from __future__ import annotations

from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from airflow.sdk import BaseOperator

from airflow_plugin.configuration.locations import store_address
from airflow_plugin.exceptions import NotStarted
from airflow_plugin.parameters.dag_params import run_values
from airflow_plugin.parameters.run_conf import unknown_keys
from airflow_plugin.run.directory import run_directory
from airflow_plugin.run.execution_context import execution_context
from airflow_plugin.run.pipeline import pipeline_of
from airflow_plugin.run.stopping import end_commands, stop_reason, tell_stopped
from airflow_plugin.tasks.entries import entry_of
from airflow_plugin.tasks.instances import count_in, map_index
from airflow_plugin.tasks.labels import label_of
from airflow_plugin.tasks.states import summary_of
from airflow_plugin.tasks.stop_condition import HOLDS, is_told, tell

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from airflow.sdk import Context

    from airflow_plugin.dag.conditions import Condition
    from airflow_plugin.dag.nodes import OnChildError, OnError
    from airflow_plugin.parameters.dag_params import Given
    from translator.shim.contract import ArtifactSource, ExecutionId, InputFiles, Manifest, Step, Value, ValueSource
    from translator.shim.store import Store


def document(arguments: dict[str, Any], step: Step) -> None:
    """Say in the arguments of an operator where its step is, unless the DAG's ``default_args`` document all tasks."""
    if "doc_md" not in (arguments.get("default_args") or {}):
        place = f"Runs the step at `{step.source}`."
        arguments["doc_md"] = "\n\n".join(text for text in (arguments.get("doc_md"), place) if text)


class Point(TypedDict, total=False):
    """A point of a grid: the values of its parameters, and its label."""

    label: str
    parameters: Mapping[str, Value]


class StepOperator(BaseOperator):
    """An operator that runs a step as one execution, or mapped over a grid, once per point.

    The pipeline has the display name of the DAG, and the node that of the task or task group. No field is a template:
    a command that contains ``{{ 7 * 7 }}`` runs as written.

    Args:
        step: what runs.
        project: directory in which the command runs, or its snapshot; usually one of the DAG's ``default_args``.
        inputs: by input of the step, the DAG param with the URIs that a run has in place of its defaults.
        input_edges: by input of the step, the edges that bring its files, such as ``output(preprocess)``.
        edge_merge_mode: whether these files replace those of ``inputs`` and the defaults, or join them.
        parameters: by parameter of the step, the DAG param that sets it or its value.
        parameter_edges: by parameter of the step, the edge that brings its value, which wins over ``parameters``.
        environment_edges: by environment variable of the command, the edge that brings its value, which replaces the
            step's.
        point: from the grid that the operator is mapped over, as text of JSON; its values win over all others.
        rank: of a member of a distributed task, whose operator is mapped over all ranks; it is the map index.
        on_error: how a failure of the node affects the run.
        on_child_error: how a failed execution affects the node, if ``on_error`` alone does not say it.
        only_if: what must hold, or else the node is skipped, and what follows it too.
        included_if: what must hold; otherwise the node is not part of the run, as if it did not exist.
        reuse: whether executions have the results of earlier ones that depend on the same command, code, parameters and
            inputs; or the DAG param that decides it.
        sequential: whether the executions of a mapped step run in order until one fails; requires
            ``max_active_tis_per_dagrun=1``.
        stop_condition: an expression of ``leval``: once it holds for the metadata of a complete execution of a mapped
            step, no others start.
        kwargs: of every operator.
    """

    template_fields: Sequence[str] = ()
    ui_color = "#dbe9f6"
    runs_a_step = True

    # Defaults of arguments. A DAG file creates many operators, and setting an attribute of an operator is slow.
    inputs: Mapping[str, Given] = MappingProxyType({})
    input_edges: Mapping[str, Sequence[ArtifactSource]] = MappingProxyType({})
    edge_merge_mode: Literal["replace", "append"] = "replace"
    parameters: Mapping[str, Given] = MappingProxyType({})
    parameter_edges: Mapping[str, ValueSource] = MappingProxyType({})
    environment_edges: Mapping[str, ValueSource] = MappingProxyType({})
    point: Point | None = None
    rank: int | None = None
    on_error: OnError = "stop-all"
    on_child_error: OnChildError | None = None
    only_if: Sequence[Condition] = ()
    included_if: Sequence[Condition] = ()
    sequential: bool = False
    stop_condition: str | None = None
    reuse: Given = False
    _executes: bool = False

    def __init__(  # noqa: PLR0913 - all of them keywords
        self,
        *,
        step: Step,
        project: str | Path = ".",
        inputs: Mapping[str, Given] | None = None,
        input_edges: Mapping[str, Sequence[ArtifactSource]] | None = None,
        edge_merge_mode: Literal["replace", "append"] | None = None,
        parameters: Mapping[str, Given] | None = None,
        parameter_edges: Mapping[str, ValueSource] | None = None,
        environment_edges: Mapping[str, ValueSource] | None = None,
        point: str | Point | None = None,
        rank: int | None = None,
        on_error: OnError | None = None,
        on_child_error: OnChildError | None = None,
        only_if: Sequence[Condition] | None = None,
        included_if: Sequence[Condition] | None = None,
        sequential: bool | None = None,
        stop_condition: str | None = None,
        reuse: Given = None,
        **kwargs: Any,
    ) -> None:
        document(kwargs, step)
        super().__init__(**kwargs)
        self.step = step
        self.project = project
        for name, value in (
            ("inputs", inputs),
            ("input_edges", input_edges),
            ("edge_merge_mode", edge_merge_mode),
            ("parameters", parameters),
            ("parameter_edges", parameter_edges),
            ("environment_edges", environment_edges),
            ("point", entry_of(point) if point is not None else None),
            ("rank", rank),
            ("on_error", on_error),
            ("on_child_error", on_child_error),
            ("only_if", only_if),
            ("included_if", included_if),
            ("sequential", sequential),
            ("stop_condition", stop_condition),
            ("reuse", reuse),
        ):
            if value is not None:
                setattr(self, name, value)

    @property
    def point_label(self) -> str:
        """Return the label of a mapped execution: ``lr=0.1, batch=32``, or its file.

        Before ``execute``, that of a step which may reuse results is empty (``airflow_plugin.tasks.labels``).
        """
        return self.point.get("label", "") if self.point and (self._executes or not self.reuse) else ""

    def execute(self, context: Context) -> dict[str, Any]:
        """Run the step; returns a bounded summary of its manifest.

        Raises:
            NotStarted: the run or the node is stopped, a condition does not hold, or an earlier execution failed.
            Stopped: the execution was stopped.
            ExecutionError: the execution failed; it is only tried again in a node with ``on-error: retry``.
        """
        from airflow_plugin.dataflow.unmet_conditions import unmet
        from translator.shim import code
        from translator.shim.execution import execute
        from translator.shim.inputs.launch import launched
        from translator.shim.store import open_store

        self._executes = True
        show_label = label_of(context)
        should_stop = stop_reason(context)
        if reason := should_stop():
            raise NotStarted(f"not started: {reason}")
        store = open_store(store_address(context["dag"].default_args))
        if reason := unmet(context, (*self.included_if, *self.only_if), store):
            raise NotStarted(reason)
        if self.sequential and self._one_failed(context):
            raise NotStarted(f"not started: {tell_stopped(context, 'an execution before this one failed')}")
        if self.stop_condition is not None and is_told(context):
            raise NotStarted(f"not started: {HOLDS}")
        execution = self._identity(context, store)
        launch_uris, bad_input = launched(
            self.step, run_values(self.inputs, context["params"]), partial(code.directory, self.project, store)
        )
        values, variables, inputs, not_found = self._upstream(context, store, launch_uris)
        problem = unknown_keys(context) or self._too_few_slots(context)
        running = partial(
            execute,
            self.step,
            execution_context(
                context,
                execution,
                project=self.project,
                log=self.log.info,
                should_stop=should_stop,
                reuse=bool(run_values({"reuse": self.reuse}, context["params"]).get("reuse")),
                ended_members=self._ended_members(context),
                show=show_label,
                returns=self.do_xcom_push,
            ),
            parameters={**run_values(self.parameters, context["params"]), **values, **self._of_point()},
            inputs=inputs,
            variables=variables,
            store=store,
            problem=problem or bad_input or not_found,
        )
        run = partial(_run_and_tell, context, self.stop_condition, running)
        summary = summary_of(run, retried=self.on_error == "retry" and problem is None)
        return {**summary, "map_index": map_index(context)}

    def on_kill(self) -> None:
        """End the command and everything it started; called by Airflow from a signal handler."""
        end_commands()

    def _of_point(self) -> Mapping[str, Value]:
        return self.point.get("parameters", {}) if self.point else {}

    def _identity(self, context: Context, store: Store) -> ExecutionId:
        from airflow_plugin.dag.nodes import nodes
        from translator.shim.contract import ExecutionId

        ti = context["ti"]
        node = next(node for node in nodes(context["dag"]).values() if self.task_id in node.steps)
        return ExecutionId(
            pipeline=pipeline_of(context["dag"]),
            run=run_directory(context, store),
            node=node.name,
            index=node.index(self.task_id, ti.map_index or 0),
            attempt=ti.try_number,
            kind=node.kind,
        )

    def _one_failed(self, context: Context) -> bool:
        """Return whether another execution of the step failed."""
        ti = context["ti"]
        # The number of failures, not all states: each of the executions asks.
        return count_in(ti, ["failed"], [ti.task_id]) > 0

    def _too_few_slots(self, context: Context) -> str | None:
        """Return why the members of a distributed task can never all run at the same time, as far as a worker knows."""
        if self.step.distributed is None:
            return None
        from airflow_plugin.dataflow.members import too_few_slots

        return too_few_slots(self, context["dag"], self.step.distributed.members)

    def _ended_members(self, context: Context) -> Callable[[], Mapping[int, str]]:
        """Return the function that asks Airflow which members of a distributed task have ended."""
        if self.step.distributed is None:
            return dict
        from airflow_plugin.dataflow.members import ended_members

        return partial(ended_members, context)

    def _upstream(
        self, context: Context, store: Store, launch_uris: Mapping[str, Sequence[str]]
    ) -> tuple[dict[str, Value], dict[str, Value], dict[str, InputFiles], str | None]:
        """Return what the edges bring.

        These are the values of parameters and of environment variables, the files of each input, and why they bring
        nothing.
        """
        from airflow_plugin.dataflow.upstream import MissingNodeError, edge_manifests, edge_values
        from translator.shim.inputs import edges
        from translator.shim.outcome.earlier_run import EarlierRunError

        inputs = {
            name: edges.besides_launched(brought) if name in launch_uris else brought
            for name, brought in edges_in_run(context, self.input_edges, store).items()
        }
        value_edges = [*self.parameter_edges.values(), *self.environment_edges.values()]
        all_edges = [*(edge for brought in inputs.values() for edge in brought), *value_edges]
        try:
            upstream = edge_manifests(context, all_edges, store)
        except (EarlierRunError, MissingNodeError) as error:
            return {}, {}, {}, str(error)
        several = {parameter.name for parameter in self.step.parameters if parameter.multiple}
        return (
            edge_values(self.parameter_edges, upstream, self.log.warning, several=several),
            edge_values(self.environment_edges, upstream, self.log.warning, kind="variable"),
            {
                declared.name: edges.files(
                    declared,
                    inputs.get(declared.name, ()),
                    self.edge_merge_mode,
                    upstream,
                    self.step.dialect,
                    launch_uris.get(declared.name),
                )
                for declared in self.step.inputs
            },
            None,
        )


def _run_and_tell(context: Context, condition: str | None, execute: Callable[[], Manifest]) -> Manifest:
    """Run an execution, and tell the others of its node if they must not start any more."""
    return tell(context, condition, execute())


def edges_in_run(
    context: Context, inputs: Mapping[str, Sequence[ArtifactSource]], store: Store
) -> dict[str, list[ArtifactSource]]:
    """Return the edges by input, without those from nodes that are not part of this run."""
    from airflow_plugin.dataflow.unmet_conditions import left_out

    sources = (edge.source for brought in inputs.values() for edge in brought if edge.run is None)
    out = left_out(context, sources, store)
    return {name: [edge for edge in brought if edge.source not in out] for name, brought in inputs.items()}
