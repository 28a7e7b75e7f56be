"""Decide whether a pipeline continues after a node, if no trigger rule can."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from airflow.sdk import BaseOperator, TriggerRule

from airflow_plugin.configuration.locations import store_address
from airflow_plugin.dag.nodes import nodes
from airflow_plugin.exceptions import NodeError, NotStarted
from airflow_plugin.tasks.instances import task_states

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from airflow_plugin.dag.nodes import Node


class GateOperator(BaseOperator):
    """An operator for the last task of a node: it waits for the others and decides whether downstream nodes start.

    A trigger rule cannot tell a task that failed from one that never ran because an upstream task failed:
    ``all_done`` lets both pass. The gate passes only if its node ran; otherwise it is skipped. It also passes if its
    node is not part of the run (``included_if``).

    Args:
        needs: what the gate requires: ``started``, that the node ran; ``one-complete``, that one of its executions is
            complete; ``all-complete``, that all are. The gate fails if the node ran without this.
        kwargs: of every operator.
    """

    template_fields: Sequence[str] = ()
    ui_color = "#f4f4f4"

    def __init__(
        self,
        *,
        needs: Literal["started", "one-complete", "all-complete"] = "started",
        trigger_rule: str = TriggerRule.ALL_DONE,
        **kwargs: Any,
    ) -> None:
        super().__init__(trigger_rule=trigger_rule, **kwargs)
        self.needs = needs

    def execute(self, context: Context) -> None:
        """Let the pipeline continue.

        Raises:
            NotStarted: the node did not run, or was stopped.
            NodeError: the node failed.
        """
        node = next(node for node in nodes(context["dag"]).values() if self.task_id in node.tasks)
        if node.included_if and self._is_left_out(context, node):
            return
        states = task_states(context, [*node.choosing, *node.steps])
        choices = [states.get(task, {}).get(-1) for task in node.choosing]
        executions = [state for step in node.steps for state in states.get(step, {}).values()]
        if "skipped" in executions and self._is_over(context, node):
            executions = [state for state in executions if state != "skipped"]
        failed = "failed" in (*choices, *executions)
        if states.get(node.run, {}).get(-1) == "skipped" and choices == ["success"]:
            return  # its grid has no points: executions have an index
        if "skipped" in executions and (not failed or self.needs == "one-complete"):
            raise NotStarted("the node was stopped or skipped")
        if not failed and "success" not in executions:
            raise NotStarted("the node did not run")
        if self.needs == "all-complete" and failed:
            raise NodeError("an execution of the node failed")
        if self.needs == "one-complete" and "success" not in executions:
            raise NodeError("no execution of the node is complete")
        if self.needs == "one-complete" and "failed" in choices:
            raise NodeError("not all executions of the node could be chosen")

    @staticmethod
    def _is_over(context: Context, node: Node) -> bool:
        """Return whether executions did not start because the node's ``stop-condition`` holds."""
        from airflow_plugin.dataflow.upstream import upstream_manifests
        from airflow_plugin.tasks.stop_condition import holds
        from translator.shim.store import open_store

        if node.stop_condition is None:
            return False
        store = open_store(store_address(context["dag"].default_args))
        return holds(node.stop_condition, upstream_manifests(context, [node.name], store)[node.name])

    @staticmethod
    def _is_left_out(context: Context, node: Node) -> bool:
        from airflow_plugin.dataflow.unmet_conditions import unmet
        from translator.shim.store import open_store

        return unmet(context, node.included_if, open_store(store_address(context["dag"].default_args))) is not None
