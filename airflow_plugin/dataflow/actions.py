"""Define the operators that evaluate the actions of a node: before it starts, and when it has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from airflow.sdk import BaseOperator

from airflow_plugin.configuration.locations import store_address
from airflow_plugin.dag.nodes import nodes
from airflow_plugin.dataflow.gate import GateOperator
from airflow_plugin.exceptions import NodeError, NotStarted
from airflow_plugin.parameters.dag_params import run_values
from airflow_plugin.parameters.run_conf import unknown_keys
from airflow_plugin.run.stopping import stop_reason
from airflow_plugin.tasks.effects import push
from translator.shim.contract import State

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airflow.sdk import Context

    from airflow_plugin.dag.nodes import Node
    from translator.shim.actions.effects import Decision, Fired, Seen
    from translator.shim.contract import Action, Step, Value
    from translator.shim.store import Store


class StartActionsOperator(BaseOperator):
    """An operator that evaluates actions of a node which may start, before its first execution.

    It sees the parameters of the executions to come. If an action ends the run, the node does not start: the task is
    skipped with ``stop-pipeline``, and fails with ``error-pipeline``.

    Args:
        actions: the actions, in the order of the source file.
        kwargs: of every operator.
    """

    template_fields: Sequence[str] = ()
    ui_color = "#fdf3d8"

    def __init__(self, *, actions: Sequence[Action], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.actions = actions

    def execute(self, context: Context) -> None:
        """Evaluate the actions.

        Raises:
            NotStarted: the run is stopped, or an action stops it.
            NodeError: an action makes it fail.
        """
        from translator.shim.actions.effects import undecided

        self.act(context, undecided)

    def act(self, context: Context, decide: Callable[[], Decision]) -> None:
        """Evaluate the actions with a decision about approvals.

        Args:
            context: of the task.
            decide: returns the decision.

        Raises:
            NotStarted: the run is stopped, or an action stops it.
            NodeError: an action makes it fail.
            translator.shim.actions.effects.UndecidedError: an approval is required, and ``decide`` raises this.
        """
        from translator.shim.actions.effects import fire

        if reason := stop_reason(context)():
            raise NotStarted(f"not started: {reason}")
        if unknown_keys(context):
            return  # the node itself fails
        node = node_of(context, self.task_id)
        executions = _executions_to_come(context, node)
        fired = fire(self.actions, "node-starting", executions, self.log.warning, decide)
        take_effect(context, node, fired, self.log.info)


class EndActionsOperator(GateOperator):
    """An operator for the last task of a node: it evaluates actions of a node that is complete or has failed.

    If an action ends the run, the task is skipped with ``stop-pipeline``, and fails with ``error-pipeline``; all other
    tasks of the run then stop. Otherwise it is a gate, which decides whether downstream nodes start.

    Args:
        actions: the actions, in the order of the source file.
        needs: what the gate requires of the node; see ``GateOperator``.
        kwargs: of every operator.
    """

    ui_color = "#fdf3d8"

    def __init__(
        self,
        *,
        actions: Sequence[Action],
        needs: Literal["started", "one-complete", "all-complete"] = "all-complete",
        **kwargs: Any,
    ) -> None:
        super().__init__(needs=needs, **kwargs)
        self.actions = actions

    def execute(self, context: Context) -> None:
        """Evaluate the actions, then let the pipeline continue.

        Raises:
            NotStarted: the node did not run, or was stopped; or an action stops the run.
            NodeError: the node failed, or an action makes the run fail.
        """
        from translator.shim.actions.effects import undecided

        self.act(context, undecided)
        super().execute(context)

    def act(self, context: Context, decide: Callable[[], Decision]) -> None:
        """Evaluate the actions with a decision about approvals; see ``StartActionsOperator.act``."""
        from airflow_plugin.dataflow.outcome import node_outcome
        from translator.shim.actions.effects import EVENTS, Seen, fire
        from translator.shim.store import open_store

        if unknown_keys(context) is None:
            node = node_of(context, self.task_id)
            state, traces = node_outcome(context, node, open_store(store_address(context["dag"].default_args)))
            event = EVENTS.get(state)
            executions = [
                Seen(one.parameters, one.manifest.metadata if one.manifest is not None else {})
                for one in traces
                if one.state is state
            ]
            if event is not None:
                fired = fire(self.actions, event, executions, self.log.warning, decide)
                take_effect(context, node, fired, self.log.info)


def take_effect(context: Context, node: Node, fired: Sequence[Fired], log: Callable[..., None]) -> None:
    """Record the effects of a node's actions, and end the task as they say.

    Args:
        context: of the task that evaluated the actions.
        node: the node.
        fired: the effects.
        log: writes a line into the task's log.

    Raises:
        NotStarted: an action stops the run.
        NodeError: an action makes the run fail.
    """
    from translator.shim.actions.effects import ending

    push(context, fired)
    for one in fired:
        log("action of node %s: %s", node.name, one)
    end = ending(fired)
    if end is None:
        return
    if end.ends is State.ERROR:
        raise NodeError(f"{node.name}: {end}")
    raise NotStarted(f"{node.name}: {end}")


def node_of(context: Context, task_id: str) -> Node:
    """Return the node that a task is part of."""
    return next(node for node in nodes(context["dag"]).values() if task_id in node.tasks)


def _executions_to_come(context: Context, node: Node) -> list[Seen]:
    """Return the parameters of a node's executions; nothing if its grid cannot be computed, which fails the node."""
    from airflow_plugin.dataflow.upstream import MissingNodeError
    from translator.shim.actions.effects import Seen
    from translator.shim.outcome.earlier_run import EarlierRunError
    from translator.shim.parameters import visible
    from translator.shim.parameters.grid import GridError
    from translator.shim.store import open_store

    run: Any = context["dag"].get_task(node.steps[0])
    arguments: Mapping[str, Any] = run.partial_kwargs if run.is_mapped else vars(run)
    store = open_store(store_address(context["dag"].default_args))
    try:
        points = _points(context, node, arguments, store)
    except (GridError, EarlierRunError, MissingNodeError):
        return []
    step: Step = arguments["step"]
    return [Seen(visible(step, point)) for point in points]


def _points(context: Context, node: Node, arguments: Mapping[str, Any], store: Store) -> Sequence[Mapping[str, Value]]:
    """Return the values that the executions of a node are given.

    Args:
        context: of the task that asks.
        node: the node.
        arguments: those of the operator of its step.
        store: the store that the manifests are in.
    """
    from airflow_plugin.dataflow.upstream import edge_manifests, edge_values

    if node.choosing:  # of a search, the first batch
        grid: Any = context["dag"].get_task(node.choosing[0])
        return list(grid.points_of(context, store))
    edges = arguments.get("parameter_edges") or {}
    step: Step = arguments["step"]
    several = {parameter.name for parameter in step.parameters if parameter.multiple}
    upstream = edge_manifests(context, edges.values(), store) if edges else {}
    values = edge_values(edges, upstream, lambda *_: None, several=several)  # the step itself warns
    return [{**run_values(arguments.get("parameters") or {}, context["params"]), **values}]
