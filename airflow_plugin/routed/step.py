"""The operator that runs a step of a routed graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from airflow.providers.common.compat.sdk import AirflowException, AirflowSkipException
from airflow.sdk import BaseOperator

from airflow_plugin.logs import line_log
from airflow_plugin.settings import project_folder, store_uri
from airflow_plugin.stopping import cancel, cancelled

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from airflow.sdk import Context

    from airflow_plugin.routed.run import Run
    from translator.shim.contract import After, Dialect, Step

CANCELLED = "the run was cancelled"
NOT_REACHED = "not reached: none of the outcomes that lead here has come"


class RoutedOperator(BaseOperator):
    """What all tasks of a routed graph have.

    Args:
        dialect: the source language; usually one of the DAG's ``default_args``.
        item: in the body of a map, the label of the item.
        after: the outcomes of nodes that lead here, where it is more than that one node is complete.
        kwargs: of every operator.
    """

    template_fields: Sequence[str] = ("item",)
    role: ClassVar[str]

    def __init__(
        self, *, dialect: Dialect, item: str | None = None, after: Sequence[After] | None = None, **kwargs: Any
    ) -> None:
        if item is not None:
            kwargs.setdefault("map_index_template", "{{ task.item }}")
        super().__init__(**kwargs)
        self.dialect = dialect
        self.item = item
        self.after = after

    def reached(self, context: Context) -> Run:
        """The run, if the token came here.

        Raises:
            AirflowSkipException: it did not, or the run was cancelled.
        """
        from airflow_plugin.routed.graph import find, place_of
        from airflow_plugin.routed.run import Run

        if cancelled():
            raise AirflowSkipException(f"not started: {CANCELLED}")
        index = context["ti"].map_index
        run = Run(context, self.dialect, index if index is not None and index >= 0 else None)
        if self.after is not None and run.came(find(run.root, place_of(self))) is None:
            raise AirflowSkipException(NOT_REACHED)
        # Airflow skips what a branching task did not choose, but not in a mapped task group.
        if index is not None and index >= 0 and not run.chosen(place_of(self)):
            raise AirflowSkipException(NOT_REACHED)
        return run


class StepOperator(RoutedOperator):
    """Runs a step, with the scope that the node before it left.

    Args:
        step: what runs.
        project: the folder of the source file; usually one of the DAG's ``default_args``.
        next: ``fail`` where the graph ends in error after it, though it is complete.
        on_failure: ``success`` where its error ends the graph as complete.
        kwargs: of every operator of a routed graph.
    """

    ui_color = "#dbe9f6"
    role = "step"

    def __init__(
        self,
        *,
        step: Step,
        project: str | Path,
        next: Literal["fail"] | None = None,  # noqa: A002 - Magnus' own word
        on_failure: Literal["success"] | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("doc_md", f"Runs the step at `{step.source}`.")
        super().__init__(**kwargs)
        self.step = step
        self.project = project
        self.next = next
        self.on_failure = on_failure

    def execute(self, context: Context) -> dict[str, Any]:
        """Run the step; returns a bounded summary of its manifest.

        Raises:
            AirflowSkipException: it was not reached, or was stopped.
            AirflowException: it is in error.
        """
        from airflow_plugin.routed.graph import place_of
        from translator.shim.contract import Context as Execution
        from translator.shim.contract import State
        from translator.shim.manifest import summary
        from translator.shim.run import execute

        run = self.reached(context)
        path = place_of(self)
        execution = run.identity(path, context["ti"].try_number)
        manifest = execute(
            self.step,
            Execution(
                id=execution,
                store=store_uri(),
                project=project_folder(self.project),
                engine="airflow",
                log=line_log(self.log, execution.node),
                should_stop=lambda: CANCELLED if cancelled() else None,
            ),
            scope=run.found(path),
        )
        if manifest.state is State.STOPPED:
            raise AirflowSkipException(f"stopped: {manifest.reason}")
        if manifest.state is not State.COMPLETE:
            raise AirflowException(manifest.reason or "the execution failed")
        return summary(manifest)

    def on_kill(self) -> None:
        """End the command and everything it started; called by Airflow from a signal handler."""
        from translator.shim.run import kill_all

        cancel()
        kill_all()
