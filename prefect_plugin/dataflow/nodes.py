"""Define the nodes of a dataflow pipeline as Prefect tasks that follow their on-error rules.

A node that fails ends Failed, so Prefect runs no downstream node. With ``continue``, the flow wraps the future in
``allow_failure``, and downstream nodes get the executions that are complete. A rule that stops the run requests
a stop, which all executions obey.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
from collections.abc import Sequence
from dataclasses import replace
from types import GeneratorType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeAlias, Unpack, cast

from prefect import allow_failure, get_run_logger, unmapped
from prefect.cache_policies import NO_CACHE
from prefect.context import TaskRunContext
from prefect.futures import PrefectFuture, as_completed
from prefect.states import Completed, Failed

from prefect_plugin.dataflow.actions import PreventedError, end, prevented, start
from prefect_plugin.dataflow.execution_table import show_executions
from prefect_plugin.dataflow.executions import Executions, LeftOut, NodeError
from prefect_plugin.dataflow.joining import Late, nothing_to_join
from prefect_plugin.dataflow.members import lose_member
from prefect_plugin.remote.dispatch import Dispatch
from prefect_plugin.remote.remote_node import SecretError, remote_node
from prefect_plugin.run.approval_rules import DEFAULT, ApprovalRules
from prefect_plugin.run.current import current_run, enter_node, record_state
from prefect_plugin.run.run_state import NodeRun
from prefect_plugin.run.stopping import Cause
from prefect_plugin.tasks.display_names import flat
from prefect_plugin.tasks.kept_task import KeptTask
from prefect_plugin.tasks.states import (
    BROKEN,
    SKIPPED,
    complete,
    execution_state,
    failed,
    infrastructure_failed,
    manifest_of,
    skipped,
    stopped,
)
from prefect_plugin.tasks.task_runners import WIDTH, own_threads, submitting_to
from translator.shim import variables
from translator.shim.code import CodeError
from translator.shim.contract import Manifest
from translator.shim.contract import State as Outcome
from translator.shim.outcome.earlier_run import EarlierRunError
from translator.shim.outcome.plans import NodePlan
from translator.shim.outcome.reasons import of_failure
from translator.shim.outcome.run_record import node_states
from translator.shim.outcome.traces import NODE
from translator.shim.parameters.grid import GridError
from translator.shim.store import StoreError, open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Literal
    from uuid import UUID

    from prefect import State
    from prefect.task_runners import TaskRunner

    from prefect_plugin.parameters.points import Point
    from prefect_plugin.tasks.futures import DispatchedFuture
    from prefect_plugin.tasks.kept_task import TaskOptions
    from translator.shim.contract import Action

    OnError: TypeAlias = Literal["stop-all", "stop-next", "continue", "retry"]
    OnChildError: TypeAlias = Literal["continue-and-complete", "continue-and-error", "stop-all-and-error"]

P = ParamSpec("P")

Mapped: TypeAlias = Sequence[PrefectFuture[Manifest]]
"""The result of a task node's function: the executions that ``execution.map(...)`` has submitted."""

_STOP_ALL = ("stop-all", "retry")
_places = itertools.count()


class NodeTask(KeptTask[P, Any]):
    """A task that is a node; ``submit`` tells the run which nodes it follows."""

    plan: NodePlan
    joins: bool = False
    actions: Sequence[Action] = ()
    approval: ApprovalRules = DEFAULT
    place: int
    """The node's position in the order of the source file."""

    def submit(self, *args: Any, **kwargs: Any) -> PrefectFuture[Any]:  # type: ignore[override]
        """Submit the node; arguments are as of any task."""
        run = current_run()
        name = self.plan.name
        upstream = tuple(dict.fromkeys(run.names[future.task_run_id] for future in _futures([args, kwargs])))
        run.plans[name] = replace(self.plan, upstream=upstream)
        run.places[name] = self.place
        if self.joins:  # a joining node waits for its upstream nodes itself
            kwargs.pop("wait_for", None)
            kwargs = {key: Late(value) if isinstance(value, PrefectFuture) else value for key, value in kwargs.items()}
        future: PrefectFuture[Any] = super().submit(*args, **kwargs)
        run.futures[name] = future
        run.names[future.task_run_id] = name
        return future

    def leave_out(self) -> Any:
        """Leave the node out of this run; downstream nodes run as if it did not exist.

        Returns:
            What replaces the node's future in the arguments of other nodes.
        """
        run = current_run()
        name = self.plan.name
        run.plans[name] = self.plan
        run.places[name] = self.place
        run.nodes[name] = NodeRun(run, name, self.plan.kind, states={NODE: Outcome.SKIPPED})
        return LeftOut(name)


class Skip:
    """A node's decision not to run; its downstream nodes do not run either."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


def skip(reason: str) -> Skip:
    """End a node as skipped; its downstream nodes are skipped, too, and the run does not fail."""
    return Skip(reason)


def execution_node(  # noqa: PLR0913 - all options of a node
    *,
    name: str,
    on_error: OnError = "stop-all",
    retries: int = 0,
    joins: bool = False,
    actions: Sequence[Action] = (),
    approval: ApprovalRules = DEFAULT,
    tags: Sequence[str] = (),
    **options: Unpack[TaskOptions],
) -> Callable[[Callable[P, Manifest | Skip]], NodeTask[P]]:
    """Turn a function that returns ``Job.run(...)`` into a node that runs its step once.

    Args:
        name: the node's name in the source file.
        on_error: how a failure of the node affects the run.
        retries: how often a failed execution is tried again.
        joins: whether the node runs although upstream nodes were skipped, if none failed and one is complete.
        actions: what happens to the run when the node starts, is complete or has failed, if conditions hold.
        approval: how a person is asked, if an action requires an approval.
        tags: tags of the task, such as the groups that the UI shows the node in.
        options: more options of the task.
    """
    plan = NodePlan(name, "execution", on_error)

    def decorate(function: Callable[P, Manifest | Skip]) -> NodeTask[P]:
        work = functools.partial(_run_once, plan)
        return cast(
            "NodeTask[P]",
            _task(function, plan, retries, work, options, tags=tags, joins=joins, actions=actions, approval=approval),
        )

    return decorate


def task_node(  # noqa: PLR0913 - all options of a node
    *,
    name: str,
    on_error: OnError = "stop-all",
    on_child_error: OnChildError | None = None,
    stop_condition: str | None = None,
    max_workers: int | None = None,
    task_runner: TaskRunner[Any] | type[TaskRunner[Any]] | None = None,
    actions: Sequence[Action] = (),
    approval: ApprovalRules = DEFAULT,
    tags: Sequence[str] = (),
    **options: Unpack[TaskOptions],
) -> Callable[[Callable[P, Mapped | Iterator[Mapped] | Skip]], NodeTask[P]]:
    """Turn a function that returns ``execution.map(...)`` into a node that runs its step once per point of a grid.

    A function that yields ``execution.map(...)`` continues when these executions have ended. The executions run on the
    node's own task runner, so that a wide grid never blocks another branch.

    Args:
        name: the node's name in the source file.
        on_error: how a failure of the node affects the run.
        on_child_error: how a failed execution affects the node; by default, ``on_error`` decides.
        stop_condition: an expression of ``leval``: once it holds for the metadata of a complete execution, no others
            start.
        max_workers: how many executions run at once (default: ``WIDTH``; with ``task_runner``, what it decides).
        task_runner: what runs the executions, which must reach Prefect's API and the artifact store (default: threads).
        actions: what happens to the run when the node starts, is complete or has failed, if conditions hold for one of
            its executions.
        approval: how a person is asked, if an action requires an approval.
        tags: tags of the task, such as the groups that the UI shows the node in.
        options: more options of the task; those of the executions go to ``execution.with_options``.
    """
    plan = NodePlan(name, "task", on_error, on_child_error)

    def decorate(function: Callable[P, Mapped | Iterator[Mapped] | Skip]) -> NodeTask[P]:
        work = functools.partial(_run_grid, plan, max_workers, _instance(task_runner))
        return cast(
            "NodeTask[P]",
            _task(
                function,
                plan,
                0,
                work,
                options,
                stop_condition=stop_condition,
                tags=tags,
                actions=actions,
                approval=approval,
            ),
        )

    return decorate


def _task(  # noqa: PLR0913 - all options of a node
    function: Callable[..., Any],
    plan: NodePlan,
    retries: int,
    work: Callable[[NodeRun, Callable[[], Any]], State[Any]],
    options: TaskOptions,
    *,
    stop_condition: str | None = None,
    tags: Sequence[str] = (),
    joins: bool = False,
    actions: Sequence[Action] = (),
    approval: ApprovalRules = DEFAULT,
) -> NodeTask[...]:
    """Return the task that is a node; ``work`` calls the generated function and returns the node's state."""

    @functools.wraps(function)
    def body(*args: Any, **kwargs: Any) -> State[Any]:
        return record_state(run_body(*args, **kwargs))

    def run_body(*args: Any, **kwargs: Any) -> State[Any]:
        run = current_run()
        if run.stop.reason:
            return stopped(f"not started: {run.stop.reason}")
        if joins and (reason := nothing_to_join(run, plan.name)):
            return skipped(reason)
        for upstream in () if joins else run.plans[plan.name].upstream:
            if not run.futures[upstream].state.is_final():
                return skipped(f"{upstream} did not run")
        node = NodeRun(run, plan.name, plan.kind, actions=actions, approval=approval, stop_condition=stop_condition)
        positional = [_argument_value(value) for value in args]
        named = {key: _argument_value(value, key) for key, value in kwargs.items()}
        with run.slots or contextlib.nullcontext():
            if run.stop.reason:
                return stopped(f"not started: {run.stop.reason}")
            state = _begin(node, plan, work, functools.partial(function, *positional, **named))
        is_over = not state.is_failed() or _is_last_try(state)
        if actions and is_over:
            state = end(node, plan, state)
        if state.is_failed() and plan.on_error in _STOP_ALL and is_over:
            run.stop.trip(Cause.ERROR, of_failure(plan.name))
        return state

    task = NodeTask(
        body,
        name=flat(plan.name),
        tags=[flat(tag) for tag in tags],
        task_run_name=lambda: flat(plan.name),
        # Set all options, so that no default of a deployment changes what on-error means.
        retries=retries,
        persist_result=False,
        cache_policy=NO_CACHE,
        **{"retry_delay_seconds": 0, **options},  # type: ignore[arg-type]  # as TaskOptions says
    )
    task.plan = plan
    task.joins = joins
    task.actions = actions
    task.approval = approval
    task.place = next(_places)
    return task


def _begin(
    node: NodeRun,
    plan: NodePlan,
    work: Callable[[NodeRun, Callable[[], Any]], State[Any]],
    function: Callable[[], Any],
) -> State[Any]:
    """Run a node; any exception is a failure of the node, to which its on-error rule applies."""
    with enter_node(node):
        try:
            return work(node, function)
        except PreventedError as error:
            return prevented(node, error)
        except (GridError, CodeError, EarlierRunError, SecretError) as error:
            reason = str(error)
        except Exception as error:  # noqa: BLE001 - see the docstring
            get_run_logger().exception("the node could not be run")
            reason = f"{type(error).__name__}: {error}"
        if node.points is None:  # its grid cannot be computed
            try:
                start(node, [])
            except PreventedError as error:
                return prevented(node, error)
        node.states[NODE], node.reason = Outcome.ERROR, reason
        return _failed(reason, Executions(plan.name))


def _skipped(node: NodeRun, reason: str) -> State[Any]:
    node.states[NODE] = Outcome.SKIPPED
    return skipped(reason)


def _run_once(plan: NodePlan, node: NodeRun, function: Callable[[], Manifest | Skip]) -> State[Any]:
    manifest = function()
    if isinstance(manifest, Skip):
        return _skipped(node, manifest.reason)
    node.states[0] = manifest.state
    match manifest.state:
        case Outcome.COMPLETE:
            return complete(manifest, Executions(plan.name, [manifest]))
        case Outcome.ERROR:
            return failed(manifest, data=NodeError(Executions(plan.name)))
        case _:
            return stopped(manifest.reason or "stopped")


def _run_grid(
    plan: NodePlan,
    max_workers: int | None,
    task_runner: TaskRunner[Any] | None,
    node: NodeRun,
    function: Callable[[], Mapped | Iterator[Mapped] | Skip],
) -> State[Any]:
    if task_runner is not None and os.environ.get(variables.PRIVATE):
        get_run_logger().warning("All executions run on this machine: others do not reach a private server.")
        task_runner = None
    if task_runner is None:
        mapped = _mapped_here(plan, max_workers or WIDTH, node, function)
    else:
        mapped = _mapped_elsewhere(plan, max_workers, task_runner, node, function)
    if isinstance(mapped, Skip):
        return _skipped(node, mapped.reason)
    futures = list(mapped)
    if not futures:  # a grid over files may have no points
        node.states[NODE] = Outcome.COMPLETE
        return Completed(message="no executions", data=Executions(plan.name))
    for point, future in zip(node.points or (), futures, strict=True):
        node.states[point.index] = _outcome(node, point, future)
    show_executions(node)
    return _judge(plan, node)


def _mapped_here(
    plan: NodePlan, max_workers: int, node: NodeRun, function: Callable[[], Mapped | Iterator[Mapped] | Skip]
) -> Mapped | Skip:
    """Run the executions of a node in threads of this process; return their futures once all have ended."""
    with own_threads(max_workers):
        mapped = function()
        if isinstance(mapped, Skip):
            return mapped
        ended: list[PrefectFuture[Manifest]] = []
        for batch in _batches(mapped):
            futures = list(batch)
            labels = [point.label for point in (node.points or ())[len(ended) :]]
            node.run.mapped += [(f"{plan.name}[{label}]", one) for label, one in zip(labels, futures, strict=False)]
            for future in as_completed(futures):
                future.wait()  # only after this, the state is local; before, it is read from the API, which lags
                if future.state.is_failed() or future.state.is_crashed():
                    _stop_siblings(plan, node, len(ended) + futures.index(future), future.state.message)
            ended += futures
    return ended


def _batches(mapped: Mapped | Iterator[Mapped]) -> Iterator[Mapped]:
    """Yield the executions that a node's function submits: all at once, or batch by batch if it is a generator."""
    if isinstance(mapped, GeneratorType):
        yield from mapped
    else:
        yield cast("Mapped", mapped)


def _mapped_elsewhere(
    plan: NodePlan,
    max_workers: int | None,
    task_runner: TaskRunner[Any],
    node: NodeRun,
    function: Callable[[], Mapped | Iterator[Mapped] | Skip],
) -> Mapped | Skip:
    """Run the executions of a node on another task runner; return their futures once all have ended."""
    task_runs: dict[int, UUID] = {}

    def name_of(index: int) -> str:
        return f"{plan.name}[{(node.points or ())[index].label}]"

    def ended(future: DispatchedFuture) -> None:
        index, state = future.index, future.state
        task_runs[index] = future.task_run_id
        node.run.returned_states[future.task_run_id] = state
        try:
            manifest = manifest_of(state)
        except Exception as error:  # noqa: BLE001 - a result that cannot be read: the others count
            manifest, node.reasons[index] = None, f"{type(error).__name__}: {error}"
        if manifest is not None:
            node.ended(index, manifest)
            if manifest.uri:
                node.tries[index] = manifest.uri
        elif index not in node.manifests and not state.is_cancelled():
            node.reasons.setdefault(index, state.message or "its task runner lost it")
        if state.is_failed() or state.is_crashed():
            _stop_siblings(plan, node, index, state.message)

    remote_node(node)  # refuses before anything is submitted
    dispatch = Dispatch(node, task_runner, max_workers, name_of, ended)
    with submitting_to(dispatch):
        node.find_tries = dispatch.tries
        mapped = _submitted(function(), dispatch)
    if node.reasons:
        try:
            _find_lost(node, dispatch.tries(), task_runs)
        except StoreError as error:  # the others count
            get_run_logger().warning("cannot find out what became of lost executions: %s", error)
    return mapped


def _submitted(mapped: Mapped | Iterator[Mapped] | Skip, dispatch: Dispatch) -> Mapped | Skip:
    """Follow what a node's function submits until all executions have ended; return their futures."""
    if isinstance(mapped, Skip):
        return mapped
    futures: list[PrefectFuture[Manifest]] = []
    for batch in _batches(mapped):
        futures += batch
        dispatch.drain()
    return futures


def _find_lost(node: NodeRun, tries: Mapping[int, str], task_runs: Mapping[int, UUID]) -> None:
    """Look in the store for what became of executions that were lost; some ended, but nobody heard of it."""
    store = open_store(node.run.store)
    for index in node.reasons:
        if uri := tries.get(index):
            node.tries[index] = uri
            with contextlib.suppress(StoreError):  # it was lost before its end
                node.manifests[index] = manifest = store.manifest(uri)
                node.run.returned_states[task_runs[index]] = execution_state(manifest)


def _instance(task_runner: TaskRunner[Any] | type[TaskRunner[Any]] | None) -> TaskRunner[Any] | None:
    """Return a task runner, of which the class will do, as in ``@flow``."""
    return task_runner() if isinstance(task_runner, type) else task_runner


def _stop_siblings(plan: NodePlan, node: NodeRun, failed_index: int, message: str | None) -> None:
    """Stop the other executions of a node if its rules say so; members of a distributed task fail with one."""
    if node.group is not None:
        lose_member(node, failed_index, message or "it failed")
    elif plan.on_child_error == "stop-all-and-error":
        node.stop.trip(Cause.ERROR, of_failure(plan.name, several=True))
    elif plan.on_child_error is None and plan.on_error in _STOP_ALL:
        node.run.stop.trip(Cause.ERROR, of_failure(plan.name, several=True))


def _outcome(node: NodeRun, point: Point, future: PrefectFuture[Manifest]) -> Outcome:
    """Return how an execution ended; without a manifest, it never began, or its worker crashed."""
    manifest = node.manifests.get(point.index)
    if manifest is not None:
        return manifest.state
    if future.state.name == SKIPPED:
        return Outcome.SKIPPED
    return Outcome.STOPPED if future.state.is_cancelled() else Outcome.ERROR


def _judge(plan: NodePlan, node: NodeRun) -> State[Any]:
    """Return the node's state from those of its executions."""
    states = list(node.states.values())
    complete = [node.manifests[index] for index, state in node.states.items() if state is Outcome.COMPLETE]
    executions = Executions(plan.name, complete)
    match node_states([replace(plan, upstream=())], {plan.name: states})[plan.name]:
        case Outcome.COMPLETE:
            return Completed(message=f"{len(complete)} of {len(states)} executions complete", data=executions)
        case Outcome.ERROR:
            return _failed(f"{states.count(Outcome.ERROR)} of {len(states)} executions failed", executions)
        case _:
            return stopped(node.should_stop() or "stopped")


def _failed(reason: str, executions: Executions) -> State[Any]:
    return Failed(message=reason, data=NodeError(executions))


def _is_last_try(state: State[Any]) -> bool:
    """Return whether Prefect does not repeat the current task run, whose body returns a state."""
    context = TaskRunContext.get()
    if context is None or context.task_run.run_count > context.task.retries:
        return True
    return context.task.retry_condition_fn is infrastructure_failed and state.name != BROKEN


def _argument_value(value: object, name: str = "") -> object:
    """Return what the function gets for an argument: for a failed node, its complete executions.

    Only a joining node gets a node that did not run, without executions.
    """
    if isinstance(value, Late):
        return value.executions(name)
    return value.executions if isinstance(value, NodeError) else value


def _futures(value: object) -> Iterator[PrefectFuture[Any]]:
    """Return the futures among the arguments of a node, also in lists and in ``allow_failure``."""
    if isinstance(value, PrefectFuture):
        yield value
    elif isinstance(value, (allow_failure, unmapped)):
        yield from _futures(value.unwrap())
    elif isinstance(value, dict):
        for item in value.values():
            yield from _futures(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _futures(item)
