"""Define nodes of a control-flow graph as Prefect tasks, and the node that runs a step."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Unpack, cast

from prefect import get_run_logger
from prefect.cache_policies import NO_CACHE
from prefect.states import Completed, Failed

from prefect_plugin.controlflow.progress import Handover, NodeFailedError, current_graph
from prefect_plugin.run.current import record_state
from prefect_plugin.run.execution_context import execution_context
from prefect_plugin.run.run_state import NodeRun
from prefect_plugin.tasks.display_names import flat
from prefect_plugin.tasks.kept_task import KeptTask
from prefect_plugin.tasks.states import BROKEN, skipped, stopped
from translator.shim.contract import State as Outcome
from translator.shim.embedded.slots import slot
from translator.shim.execution import execute
from translator.shim.parameters import grid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from prefect import State
    from prefect.futures import PrefectFuture

    from prefect_plugin.controlflow.progress import GraphRun, Kind, Node, Token
    from prefect_plugin.tasks.kept_task import TaskOptions
    from translator.shim.contract import Scope, Step


class NodeTask(KeptTask[Any, Any]):
    """A task that is a node of a control-flow graph.

    ``branches`` lists the nodes of each of its branches, ``returns`` the parameters that its step returns.
    """

    node: str
    kind: Kind
    branches: Mapping[str, Sequence[Node]]
    returns: Sequence[str] = ()

    def submit(self, token: Token) -> Token:  # type: ignore[override]
        """Submit the node to run after those that ``token`` has passed; return the token for the next node."""
        graph = current_graph()
        graph.follow(self.node, token)
        future: PrefectFuture[Any] = super().submit(token)
        graph.submitted(self.node, label(graph, self.node), future)
        return future


def step_node(step: Step, *, retries: int = 0, tags: Sequence[str] = (), **options: Unpack[TaskOptions]) -> NodeTask:
    """Create a node that runs a step.

    Args:
        step: the step, whose name is the node's.
        retries: how often the task is tried again.
        tags: tags of the task.
        options: more options of the task.
    """

    def work(graph: GraphRun, node: NodeRun, handover: Handover) -> tuple[Outcome, Scope, str | None]:
        context = execution_context(node, label(graph, step.name))
        with slot():
            manifest = execute(
                step.in_dialect(graph.routes.dialect), context, scope=handover.scope, problem=graph.routes.problem
            )
        node.states[0] = manifest.state
        node.infrastructure = manifest.infrastructure
        return manifest.state, manifest.scope or handover.scope, manifest.reason

    more: dict[str, Any] = {"retries": retries, "tags": [flat(tag) for tag in tags], **options}
    task = node_task(step.name, "execution", {}, work, more)
    task.returns = tuple(step.returns)
    return task


def node_task(
    name: str,
    kind: Kind,
    branches: Mapping[str, Sequence[Node]],
    work: Callable[[GraphRun, NodeRun, Handover], tuple[Outcome, Scope, str | None]],
    options: Mapping[str, Any] = MappingProxyType({}),
) -> NodeTask:
    """Create a task that is a node.

    Args:
        name: the node's name, as the source file spells it.
        kind: what it is.
        branches: by branch, its nodes.
        work: the body of the node; returns its state, the scope after it, and why it did not complete.
        options: options of the task.
    """

    def body(token: Any) -> State[Any]:
        return record_state(run_body(token))

    def run_body(token: Any) -> State[Any]:
        graph = current_graph()
        run, path = graph.run, graph.path_of(name)
        if token is None:  # Prefect's allow_failure passes on nothing from a node that did not run
            return skipped("an upstream node did not run")
        if run.stop.reason:
            graph.states[name] = Outcome.STOPPED
            return stopped(f"not started: {run.stop.reason}")
        handover = token.handover if isinstance(token, NodeFailedError) else token
        node = run.nodes[path] = NodeRun(run, path, "execution")
        try:
            state, scope, reason = work(graph, node, handover)
        except Exception as error:  # noqa: BLE001 - whatever crashed, the graph's routes decide what follows
            get_run_logger().exception("the node could not be run")
            state, scope, reason = Outcome.ERROR, handover.scope, f"{type(error).__name__}: {error}"
        node.states.setdefault(0, state)
        graph.states[name] = state
        graph.handover = Handover(scope)
        ended = node_state(state, path, graph.handover, reason)
        if node.infrastructure and ended.is_failed():
            ended.name = BROKEN
        return ended

    task = NodeTask(
        body,
        name=flat(name),
        task_run_name=lambda: flat(label(current_graph(), name)),
        # Set all options, so that no default of a deployment changes what a failure means.
        persist_result=False,
        cache_policy=NO_CACHE,
        **{"retries": 0, "retry_delay_seconds": 0, **options},
    )
    task.node = name
    task.kind = kind
    task.branches = branches
    return task


def node_state(state: Outcome, path: str, handover: Handover, reason: str | None) -> State[Any]:
    """Return the state of the task run that was a node or a branch."""
    match state:
        case Outcome.COMPLETE:
            return Completed(data=handover)
        case Outcome.ERROR:
            return Failed(message=reason or f"{path} failed", data=NodeFailedError(path, handover))
        case _:
            return stopped(reason or "stopped")


def label(graph: GraphRun, name: str) -> str:
    """Return the name of a node in the UI, with the enclosing item or iteration: ``train[chunk=2]``."""
    scope = graph.handover.scope
    shown = grid.label(cast("dict[str, Any]", {**scope.items, **scope.loops}))
    return f"{name}[{shown}]" if shown else name
