"""Define the operator that runs a step of a control-flow graph."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypedDict

from airflow.sdk import BaseOperator, TriggerRule

from airflow_plugin.controlflow.progress import Run
from airflow_plugin.controlflow.queries import TaskQueries
from airflow_plugin.controlflow.structure import dialect_of, place_of
from airflow_plugin.dataflow.step import document
from airflow_plugin.exceptions import NotStarted
from airflow_plugin.parameters.run_conf import misspelt_keys
from airflow_plugin.run.execution_context import execution_context
from airflow_plugin.run.stopping import cancelled, end_commands
from airflow_plugin.tasks.entries import entry_of
from airflow_plugin.tasks.states import summary_of
from translator.shim.contract import DEFAULT_DIALECT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from airflow.sdk import Context
    from airflow.sdk.definitions.mappedoperator import MappedOperator

    from airflow_plugin.controlflow.structure import Path as Place
    from translator.shim.contract import After, Dialect, Step

CANCELLED = "the run was cancelled"
ITEM_LABEL = "{{ task.own_item.label }}"
NOT_REACHED = "not reached: no outcome led here"


class Item(TypedDict):
    """An item of a map, for the tasks that run for it: its number, after those of the maps around, and how it is shown.

    The item itself is in the scope of those tasks, which may be secret or large.
    """

    index: list[int]
    label: str


class ControlFlowOperator(BaseOperator):
    """A task of a control-flow graph.

    Args:
        item: in the body of a map, one of the items that its ``ItemsOperator`` returns, as text of JSON.
        after: the outcomes of nodes that lead here; without it, the upstream node must be complete. The task then
            waits until all upstream tasks are done, and is skipped if none of the outcomes occurred.
        kwargs: of every operator.
    """

    template_fields: Sequence[str] = ("item",)
    role: ClassVar[str]
    waits_for_all: ClassVar[bool] = False
    """Whether the operator's own trigger rule is ``all_done``."""

    def __init__(
        self,
        *,
        item: str | Item | None = None,
        after: Sequence[After] | None = None,
        **kwargs: Any,
    ) -> None:
        if item is not None:
            kwargs.setdefault("map_index_template", ITEM_LABEL)
        if after is not None or self.waits_for_all:
            kwargs.setdefault("trigger_rule", TriggerRule.ALL_DONE)
        super().__init__(**kwargs)
        self.item = item
        self.after = after

    @property
    def own_item(self) -> Item | None:
        """Return the item that the task runs for, in the body of a map, once Airflow has rendered it."""
        item: Item | None = entry_of(self.item) if isinstance(self.item, str | Mapping) else None
        return item

    @classmethod
    def for_each(cls, items: ControlFlowOperator, **kwargs: Any) -> MappedOperator:
        """Map the task over the items of a map, outside the map's mapped task groups.

        Airflow cannot map inside a mapped task group. So tasks between a map and a map in its body are mapped one by
        one.

        Args:
            items: lists the items: an ``ItemsOperator``.
            kwargs: arguments of the operator.
        """
        kwargs.setdefault("map_index_template", ITEM_LABEL)
        if kwargs.get("after") is not None or cls.waits_for_all:
            kwargs.setdefault("trigger_rule", TriggerRule.ALL_DONE)
        return cls.partial(**kwargs).expand(item=items.output)

    def begin(self, context: Context) -> tuple[Run, Place]:
        """Return the run and the place of this task in its graph, if the token came here.

        Raises:
            NotStarted: it did not, or the run was cancelled.
        """
        if cancelled():
            raise NotStarted(f"not started: {CANCELLED}")
        # An operator that Airflow created from a mapped one does not know its group.
        path = place_of(context["dag"].get_task(self.task_id))
        airflow = TaskQueries(context)
        item = self.own_item
        run = Run(airflow, dialect_of(airflow.root), tuple(item["index"]) if item is not None else ())
        looks = self.trigger_rule != TriggerRule.ALL_SUCCESS or run.may_be_left_out(path)
        if looks and not self.is_reached(run, path):
            raise NotStarted(NOT_REACHED)
        return run, path

    def is_reached(self, run: Run, path: Place) -> bool:
        """Return whether the token came here, if Airflow's own rules cannot tell."""
        return run.reached(path)

    def changed(self, run: Run, path: Place) -> str | None:
        """Return why this task cannot run for its item: the list of its map has changed; None if it has not."""
        item = self.own_item
        return run.changed(path, item["label"]) if item is not None else None


class ControlFlowStepOperator(ControlFlowOperator):
    """An operator that runs a step with the parameters and the catalogue of the previous node.

    Args:
        step: what runs.
        project: directory of the source file; usually one of the DAG's ``default_args``.
        dialect: source language of the pipeline; usually one of the DAG's ``default_args``.
        next: ``fail`` if the graph fails after the node, although the node is complete.
        on_failure: ``success`` if a failure of the node ends the graph as complete.
        attempts: how often a failing command runs in all, if ``retries`` are for faults of the infrastructure.
        kwargs: of every operator of a control-flow graph.
    """

    ui_color = "#dbe9f6"
    role = "step"

    def __init__(  # noqa: PLR0913 - all of them keywords
        self,
        *,
        step: Step,
        project: str | Path = ".",
        dialect: Dialect = DEFAULT_DIALECT,
        next: Literal["fail"] | None = None,  # noqa: A002 - Magnus' own word
        on_failure: Literal["success"] | None = None,
        attempts: int | None = None,
        **kwargs: Any,
    ) -> None:
        document(kwargs, step)
        super().__init__(**kwargs)
        self.step = step.in_dialect(dialect)
        self.project = project
        self.dialect = dialect
        self.next = next
        self.on_failure = on_failure
        # Known here, before a cluster policy changes the retries.
        self._retried = attempts > 1 if attempts is not None else bool(self.retries)

    def execute(self, context: Context) -> dict[str, Any]:
        """Run the step; returns a bounded summary of its manifest.

        Raises:
            NotStarted: it was not reached, or was stopped.
            ExecutionError: it failed; it is only tried again if the DAG file says so.
        """
        from translator.shim.execution import execute

        run, path = self.begin(context)
        if run.root.start is not None and run.root.start.path == path and (likely := misspelt_keys(context)):
            self.log.warning("%s", likely)
        running = partial(
            execute,
            self.step,
            execution_context(
                context,
                run.identity(path, context["ti"].try_number),
                project=self.project,
                log=self.log.info,
                should_stop=lambda: CANCELLED if cancelled() else None,
            ),
            scope=run.scope_before(path),
            store=run.store,
            problem=run.problem or self.changed(run, path),
        )
        return summary_of(running, retried=self._retried)

    def on_kill(self) -> None:
        """End the command and everything it started; called by Airflow from a signal handler."""
        end_commands()
