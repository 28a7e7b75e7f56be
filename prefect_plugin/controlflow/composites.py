"""Define composite nodes as Prefect tasks: generated functions start the branches, this module judges them."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from prefect.cache_policies import NO_CACHE

from prefect_plugin.controlflow.progress import CompositeKind, GraphRun, Handover, unwrapped, walked
from prefect_plugin.controlflow.steps import NodeTask, node_state, node_task
from prefect_plugin.exceptions import OutsideRunError
from prefect_plugin.run.current import record_state
from prefect_plugin.tasks.display_names import flat
from prefect_plugin.tasks.kept_task import KeptTask
from prefect_plugin.tasks.states import stopped
from prefect_plugin.tasks.task_runners import own_threads
from translator.shim import clock
from translator.shim.contract import ExecutionId
from translator.shim.contract import State as Outcome
from translator.shim.controlflow import fan, scopes
from translator.shim.outcome.plans import BODY
from translator.shim.parameters import grid
from translator.shim.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from prefect import State

    from prefect_plugin.controlflow.progress import Node, Token
    from prefect_plugin.run.run_state import NodeRun
    from translator.shim.contract import Scope


Branching: TypeAlias = "Callable[[Token], Token | Sequence[Token]]"
"""The function of a composite node: it submits the branches, and returns their tokens."""


@dataclass(eq=False, slots=True)
class CompositeRun:
    """A composite node that has begun; ``branches`` are by position in the declared order.

    ``width`` is the number of branches that run at once.
    """

    graph: GraphRun
    name: str
    kind: CompositeKind
    tasks: Mapping[str, BranchTask]
    width: int
    item: str | None = None
    index: str | None = None
    branches: dict[int, fan.Branch] = field(default_factory=dict)

    @property
    def names(self) -> Sequence[str]:
        """Return the names of the branches, in the declared order."""
        return tuple(self.tasks)


_composite: ContextVar[CompositeRun] = ContextVar("composite")


def current_composite() -> CompositeRun:
    """Return the composite node whose function is running.

    Raises:
        OutsideRunError: it is not called in the function of such a node.
    """
    try:
        return _composite.get()
    except LookupError:
        raise OutsideRunError("a branch is submitted in the function of a node with branches") from None


class BranchTask(KeptTask[Any, Any]):
    """A task that is a branch, with its nodes in the order of the source file."""

    nodes: Sequence[Node]


def branch(name: str = BODY, *, nodes: Sequence[Node]) -> Callable[[Callable[[Token], Token]], BranchTask]:
    """Turn a function that submits nodes and returns the token at their end into a branch.

    Args:
        name: the branch's name in the source file; the body of a map or a loop has none.
        nodes: all nodes of the branch, in the order of the source file.
    """

    def decorate(function: Callable[[Token], Token]) -> BranchTask:
        def body(token: Handover, index: int | None = None) -> State[Any]:
            return record_state(run_body(token, index))

        def run_body(token: Handover, index: int | None) -> State[Any]:
            place, segment, scope = _entered(name, token, index)
            composite = current_composite()
            outer, run = composite.graph, composite.graph.run
            if run.stop.reason:
                composite.branches[place] = fan.Branch(segment, Outcome.STOPPED, scope)
                return stopped(f"not started: {run.stop.reason}")
            graph = GraphRun(
                run,
                outer.routes,
                Handover(scope),
                (*outer.path, composite.name, segment),
                (*outer.pattern, composite.name, name),
                max(1, outer.width // composite.width),
            )
            with walked(graph), own_threads(1):  # its nodes run one after the other
                state = graph.ended(function(graph.handover))
            composite.branches[place] = fan.Branch(segment, state, graph.handover.scope)
            failing = ", ".join(node for node, of in graph.states.items() if of is not Outcome.COMPLETE)
            return node_state(
                state, ".".join(graph.path), graph.handover, f"not complete: {failing}" if failing else None
            )

        task = BranchTask(
            body,
            name=flat(name if name != BODY else function.__name__),
            task_run_name=cast("Any", functools.partial(_name, name)),
            retries=0,
            retry_delay_seconds=0,
            persist_result=False,
            cache_policy=NO_CACHE,
        )
        task.nodes = tuple(nodes)
        return task

    return decorate


def parallel_node(name: str, *, branches: Mapping[str, BranchTask]) -> Callable[[Branching], NodeTask]:
    """Turn a function that submits branches into a node that runs them in parallel; none stops another.

    Args:
        name: the node's name in the source file.
        branches: by name, in the order of the source file.
    """
    return lambda function: _node(name, "parallel", function, branches, len(branches))


def map_node(
    name: str, *, body: BranchTask, item: str, reducer: str | None = None, max_workers: int | None = None
) -> Callable[[Branching], NodeTask]:
    """Turn a function that maps ``body`` over ``items(...)`` into a node with a branch per item.

    Args:
        name: the node's name in the source file.
        body: the branch.
        item: the name of the item in the branch.
        reducer: expression of a function that combines the values that the steps return.
        max_workers: how many items run at once (default: ``GraphRun.width``).
    """
    return lambda function: _node(name, "map", function, {BODY: body}, max_workers, item=item, reducer=reducer)


def loop_node(name: str, *, body: BranchTask, index: str | None = None) -> Callable[[Branching], NodeTask]:
    """Turn a function that submits ``body`` in a loop into a node with a branch per iteration.

    Args:
        name: the node's name in the source file.
        body: the branch.
        index: environment variable that holds the number of the iteration.
    """
    return lambda function: _node(name, "loop", function, {BODY: body}, 1, index=index)


def choice_node(name: str, *, cases: Mapping[str, BranchTask]) -> Callable[[Branching], NodeTask]:
    """Turn a function that submits the branch ``chosen(...)`` into a node that runs one of several branches.

    Args:
        name: the node's name in the source file.
        cases: by name, in the order of the source file.
    """
    return lambda function: _node(name, "choice", function, cases, 1)


def _node(  # noqa: PLR0913 - the differences between the kinds of nodes
    name: str,
    kind: CompositeKind,
    function: Branching,
    branches: Mapping[str, BranchTask],
    width: int | None,
    *,
    item: str | None = None,
    index: str | None = None,
    reducer: str | None = None,
) -> NodeTask:
    def work(graph: GraphRun, node: NodeRun, handover: Handover) -> tuple[Outcome, Scope, str | None]:
        run, started = graph.run, clock.now()
        composite = CompositeRun(graph, name, kind, branches, width or graph.width, item, index)
        reason = None
        try:
            graph.routes.check()
            _fan_out(composite, function, handover)
            ended = [composite.branches[place] for place in sorted(composite.branches)]
            state, scope = fan.join(
                graph.routes.dialect, kind, handover.scope, ended, reducer=reducer, returns=_returns(branches)
            )
            if state is Outcome.ERROR:
                reason = fan.failure(ended)
        except fan.FanError as error:
            state, scope, reason = Outcome.ERROR, handover.scope, str(error)
        which = ExecutionId(run.pipeline, run.id, node.name, kind=kind)
        store = open_store(run.store)
        fan.commit(store, which, state, scope, reason=reason, started=started, claimed=node.claimed(0))
        return state, scope, reason

    return node_task(name, kind, {key: one.nodes for key, one in branches.items()}, work)


def _fan_out(composite: CompositeRun, function: Branching, handover: Handover) -> None:
    """Run the branches that the generated function starts, until all have ended."""
    token = _composite.set(composite)
    try:
        with own_threads(composite.width):
            started = function(handover)
            tokens = list(started) if isinstance(started, Sequence) else [started]
            futures = [future for future, _ in map(unwrapped, tokens) if future is not None]
            composite.graph.run.mapped += [(f"{composite.name}[{place}]", one) for place, one in enumerate(futures)]
            for place, future in enumerate(futures):
                future.wait()
                if composite.kind != "loop" and not future.state.is_completed():
                    # A branch whose task crashed has reported no state.
                    name = str(place) if composite.kind == "map" else composite.names[place]
                    broken = Outcome.STOPPED if composite.graph.run.stop.reason else Outcome.ERROR
                    composite.branches.setdefault(place, fan.Branch(name, broken))
    finally:
        _composite.reset(token)


def _entered(name: str, token: Handover, index: int | None) -> tuple[int, str, Scope]:
    """Return position, path segment and scope of a branch that begins after ``token``."""
    composite = current_composite()
    match composite.kind:
        case "map":
            return token.index, str(token.index), scopes.enter(token.scope, item=token.item)
        case "loop":
            number = index or 0
            loop = {composite.index: number} if composite.index else None
            return number, str(number), scopes.enter(token.scope, loop=loop)
        case "choice":
            return 0, name, scopes.enter(token.scope)
        case _:
            return composite.names.index(name), name, scopes.enter(token.scope)


def _name(name: str, parameters: Mapping[str, Any]) -> str:
    """Return the name of a branch in the UI, in a map or a loop with its item or iteration."""
    composite, token = current_composite(), parameters.get("token")
    values: dict[str, Any] = {}
    if isinstance(token, Handover):
        values = {**token.scope.items, **token.scope.loops, **(token.item or {})}
    if composite.kind == "loop":
        values[composite.index or "iteration"] = parameters.get("index") or 0
    base = composite.name if name == BODY else name
    return flat(f"{base}[{grid.label(values)}]" if values else base)


def _returns(branches: Mapping[str, BranchTask]) -> list[str]:
    """Return the parameters that steps directly in a branch return."""
    return list(dict.fromkeys(name for one in branches.values() for node in one.nodes for name in node.returns))
