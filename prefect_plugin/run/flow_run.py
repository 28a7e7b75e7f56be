"""Make one flow run one run of a pipeline: the state that its tasks share, and its end."""

from __future__ import annotations

import contextlib
import os
import time
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any, Literal

from prefect import get_client, get_run_logger
from prefect.context import FlowRunContext, TaskRunContext
from prefect.exceptions import Abort, Pause
from prefect.states import Cancelled, Completed
from prefect.transactions import CommitMode, transaction

from prefect_plugin.configuration.stores import choose
from prefect_plugin.exceptions import OutsideRunError
from prefect_plugin.recovery import attempts
from prefect_plugin.recovery.repair import TaskRunEnd, close_earlier_attempts, repair
from prefect_plugin.run.stopping import REPLACED, Cause, Stop, state_watched
from prefect_plugin.tasks.display_names import flat
from prefect_plugin.tasks.futures import await_end
from prefect_plugin.tasks.states import SKIPPING, STOPPING, skipped, stopped
from translator.shim import clock
from translator.shim.contract import State as Outcome
from translator.shim.embedded import events
from translator.shim.errors import TranslatorError
from translator.shim.execution import kill_all
from translator.shim.masking.uris import shown
from translator.shim.outcome import run_record
from translator.shim.outcome.traces import NODE, EngineState
from translator.shim.store import StoreError, open_store
from translator.shim.store.owner import own_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from uuid import UUID

    from prefect import State
    from prefect.client.schemas.objects import FlowRun
    from prefect.futures import PrefectFuture

    from prefect_plugin.parameters.points import Point
    from translator.shim.contract import Json, Manifest, StoreAddress, Value
    from translator.shim.outcome.plans import GraphPlan, NodePlan
    from translator.shim.outcome.run_record import RunRecord

RUN = "TRANSLATOR_RUN"
"""Environment variable with the run's id in the store, if the caller chooses it."""
PROJECT = "TRANSLATOR_PROJECT"
"""Environment variable with the project directory, if it is not beside the flow's file."""
SETTLE_SECONDS = 20.0
"""How long an interrupted run waits for its executions to end; each obeys within a few seconds.

Prefect's worker kills a flow that does not end within 30 seconds.
"""
KILLED_SECONDS = 5.0
"""The time that a run waits for executions after it killed their processes."""


class RunFailedError(TranslatorError):
    """A failed run; the flow raises it, so that Prefect's own rules (retries, automations, hooks) apply."""


@dataclass(eq=False, slots=True)
class NodeRun:
    """A node that has begun: its executions so far, and whether they must stop."""

    run: Run
    name: str
    kind: Literal["execution", "task"]
    points: list[Point] | None = None
    manifests: dict[int, Manifest] = field(default_factory=dict)
    states: dict[int, Outcome] = field(default_factory=dict)
    tries: dict[int, str] = field(default_factory=dict)
    """The URI of the manifest of each execution's last try, by index, even before it is written."""
    reason: str | None = None
    """The reason why the node failed, unless an execution has it."""
    stop: Stop = field(default_factory=Stop)
    infrastructure: bool = False
    """Whether its execution failed although the command is not to blame."""

    def should_stop(self) -> str | None:
        """Return the reason to stop executions of this node, if there is one."""
        return self.run.stop.reason or self.stop.reason

    def claimed(self, index: int) -> Callable[[str], None]:
        """Return a function that records the manifest's URI of a try that begins."""
        return lambda uri: self.tries.__setitem__(index, uri)

    def known(self) -> dict[int, EngineState]:
        """Return by index what this attempt knows of executions; an execution without a state was cut off."""
        return {
            index: EngineState(
                self.states.get(index, Outcome.STOPPED),
                self.tries.get(index),
                reason=self.reason if index == NODE else None,
            )
            for index in sorted({*self.states, *self.tries})
        }


@dataclass(eq=False, slots=True)
class Run:
    """The state that all tasks of a flow run share; ``id`` is the run's name in the store."""

    pipeline: str
    id: str
    store: StoreAddress
    project: Path
    parameters: Mapping[str, Value | Json]
    flow_run: UUID
    started: str = field(default_factory=clock.now)
    stop: Stop = field(default_factory=Stop)
    plans: dict[str, NodePlan] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)
    futures: dict[str, PrefectFuture[Any]] = field(default_factory=dict)
    names: dict[UUID, str] = field(default_factory=dict)
    mapped: list[tuple[str, PrefectFuture[Any]]] = field(default_factory=list)
    """Futures that nodes have submitted, with the names of the task runs."""
    judged: dict[UUID, State[Any]] = field(default_factory=dict)
    """The state that the body of each task run returned."""
    nodes: dict[str, NodeRun] = field(default_factory=dict)
    record: RunRecord | None = None
    slots: BoundedSemaphore | None = None
    """Slots for running nodes, if the pipeline limits how many run at once."""
    labelled: bool = False
    """Whether the labels of the flow run name this attempt."""
    graph: Callable[[], GraphPlan] | None = None
    """The graph of a control-flow pipeline, with the routes taken so far."""


_run: ContextVar[Run] = ContextVar("run")
_node: ContextVar[NodeRun] = ContextVar("node")


def current_run() -> Run:
    """Return the run that the calling flow or task belongs to.

    Raises:
        OutsideRunError: it is not called within ``run_of``.
    """
    try:
        return _run.get()
    except LookupError:
        raise OutsideRunError("nodes run in a flow, within `with run_of(...)`") from None


def current_node() -> NodeRun:
    """Return the node whose body is running.

    Raises:
        OutsideRunError: it is not called in the body of a node.
    """
    try:
        return _node.get()
    except LookupError:
        raise OutsideRunError("create a Job in the body of a node") from None


@contextlib.contextmanager
def begun(node: NodeRun) -> Iterator[None]:
    """Make ``node`` the current node of this thread."""
    node.run.nodes[node.name] = node
    token = _node.set(node)
    try:
        yield
    finally:
        _node.reset(token)


@contextlib.contextmanager
def run_of(  # noqa: PLR0913 - all but the name are keywords
    pipeline: str,
    *,
    project: Path,
    store: str | None = None,
    store_block: str | None = None,
    max_workers: int | None = None,
    parameters: Mapping[str, Value | Json] | None = None,
) -> Iterator[Run]:
    """Make the current flow run a run of ``pipeline``; a flow opens it around its whole body.

    Whatever ends the run early (a cancel, a suspension, a signal from a worker, Ctrl-C, a time limit, an exception in
    the flow's body), the executions are stopped and ``run.json`` is still written.

    Args:
        pipeline: the pipeline's name, as the source file spells it.
        project: the directory of the source file.
        store: URI of the artifact store (default: that of the block); ``TRANSLATOR_STORE`` replaces it.
        store_block: name of the *Artifact Store* block with the credentials (default: the block called ``default``, if
            ``store`` does not say where the store is).
        max_workers: how many nodes run at once (default: no limit). The task runner still needs a thread for each
            node: a waiting node occupies a thread, but does not count here.
        parameters: the pipeline's own parameters, by the names of the source file.
    """
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        raise OutsideRunError("call run_of in the body of a flow")
    flow_run = context.flow_run
    chosen = choose(store, store_block)
    address = chosen.address
    run = Run(
        pipeline=pipeline,
        id=os.environ.get(RUN) or _folder(address, pipeline, flow_run),
        store=address,
        project=Path(os.environ.get(PROJECT) or project).resolve(),
        parameters={name: _listed(value) for name, value in (parameters or {}).items()},
        flow_run=flow_run.id,
        slots=BoundedSemaphore(max_workers) if max_workers is not None else None,
    )
    token = _run.set(run)
    get_run_logger().info("Run %s of %r; artifacts are kept in %s", run.id, flat(pipeline), shown(address.uri))
    events.emit("run-started")
    if attempts.BEGAN in flow_run.labels:
        close_earlier_attempts(flow_run.id)
    run.labelled = attempts.begin(flow_run, chosen, pipeline, run.id, run.started)
    try:
        # How an execution ended is final: Prefect would otherwise roll it back when its node fails.
        watched = state_watched(run.stop, flow_run.id, lambda now: _has_later_attempt(run, now))
        with transaction(commit_mode=CommitMode.EAGER), watched:
            yield run
    except RunFailedError:
        raise
    except BaseException as error:
        run.stop.trip(*_interruption(error))
        _settle(run)
        raise
    finally:
        _run.reset(token)


def _listed(value: Any) -> Any:
    """Return a list for a tuple: defaults of a flow's arguments are tuples."""
    return list(value) if isinstance(value, tuple) else value


def _folder(store: StoreAddress, pipeline: str, flow_run: FlowRun) -> str:
    """Return the name of a flow run in the store; all attempts have the same."""
    name = f"{flow_run.name}-{flow_run.id.hex[-8:]}"
    try:
        owner = {"engine": "prefect", "flow_run": str(flow_run.id)}
        return own_folder(
            open_store(store),
            pipeline,
            name,
            owner,
            is_own=lambda other, _: other.get("flow_run") == str(flow_run.id),
        )
    except StoreError:
        return name  # executions report it, and fail


def _interruption(error: BaseException) -> tuple[Cause, str]:
    """Return why a run stops if ``error`` ends its flow."""
    if isinstance(error, Pause):
        return Cause.SUSPEND, "the run was suspended"
    if isinstance(error, Exception):
        return Cause.ERROR, f"the flow failed: {type(error).__name__}: {error}"
    return Cause.INTERRUPT, f"the run was interrupted ({type(error).__name__})"


def judged(state: State[Any]) -> State[Any]:
    """Record that the body of the current task run returns ``state``, and return it."""
    context = TaskRunContext.get()
    if context is not None:
        current_run().judged[context.task_run.id] = state
    return state


def finish() -> State[Any]:
    """Wait for all nodes that have been submitted, write ``run.json``, and return the state of the flow run.

    Raises:
        RunFailedError: the run failed, so that Prefect's own rules (retries, automations, hooks) apply.
    """
    run = current_run()
    attempts.leave(
        run.store,
        attempts.Begun(
            pipeline=run.pipeline, run=run.id, started=run.started, parameters=run.parameters, nodes=_planned(run)
        ),
    )
    for future in run.futures.values():
        future.wait()
    return concluded(run)


def _planned(run: Run) -> list[NodePlan]:
    """Return the nodes that have been submitted or left out, in the order of the source file."""
    return [run.plans[name] for name in sorted(run.plans, key=run.places.__getitem__)]


def concluded(run: Run) -> State[Any]:
    """Write ``run.json`` of a run whose nodes have all ended, repair the API, and return the run's state.

    Raises:
        RunFailedError: the run failed.
        Pause: it was suspended.
        Abort: it was reported as crashed, or another process has begun a later attempt, which writes the record.
    """
    if _is_replaced(run):
        get_run_logger().warning("%s, which writes its record and decides its state; this process ends", REPLACED)
        raise Abort(REPLACED)
    record = write_record(run)
    repair(_task_runs(run))
    return final_state(run, record)


def _settle(run: Run) -> None:
    """Let the executions of an interrupted run end, and write what is known; the caller raises the interruption."""
    try:
        _await_all(run, SETTLE_SECONDS)
    except BaseException:  # noqa: BLE001 - a second Ctrl-C
        kill_all()
        _await_all(run, KILLED_SECONDS)
    if run.record is None and not _is_replaced(run):
        try:
            write_record(run)
        except StoreError as error:
            get_run_logger().error("the run's record cannot be written: %s", error)
    repair(_task_runs(run))


def _has_later_attempt(run: Run, flow_run: FlowRun) -> bool:
    """Return whether another process has begun a later attempt; a run that could not set its labels cannot know."""
    return run.labelled and attempts.is_replaced(flow_run, run.started)


def _is_replaced(run: Run) -> bool:
    """Ask the API whether another process has begun a later attempt, whose record must not be overwritten."""
    if run.stop.cause is Cause.REPLACED:
        return True
    if not run.labelled:
        return False
    try:
        with get_client(sync_client=True) as client:
            now = client.read_flow_run(run.flow_run)
    except Exception as error:  # noqa: BLE001 - whatever the network does, the run has ended and must be recorded
        get_run_logger().warning("cannot ask whether a later attempt of the flow run has begun: %s", error)
        return False
    return _has_later_attempt(run, now)


def _await_all(run: Run, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    for future in _as_submitted(run):
        await_end(future, max(0.0, deadline - time.monotonic()))


def _task_runs(run: Run) -> list[TaskRunEnd]:
    """Return the task runs of a run, with the states to show if the API does not know their end."""
    states = _node_states(run.record.document["nodes"]) if run.record is not None else {}
    ends = [
        TaskRunEnd(
            run.names[one.task_run_id], one, skipped(SKIPPING) if states.get(name) == "skipped" else stopped(STOPPING)
        )
        for name, one in run.futures.items()
    ]
    ends += [TaskRunEnd(name, one, stopped(STOPPING)) for name, one in run.mapped]
    return [replace(end, state=run.judged.get(end.future.task_run_id, end.state)) for end in ends]


def _node_states(nodes: Mapping[str, Any], above: str = "") -> dict[str, str]:
    """Return the state of each node in ``run.json``, by name, or by path in branches."""
    states: dict[str, str] = {}
    for name, node in nodes.items():
        states[f"{above}{name}"] = node["state"]
        for branch, graph in node.get("branches", {}).items():
            states |= _node_states(graph["nodes"], f"{above}{name}.{branch}.")
    return states


def _as_submitted(run: Run) -> Iterator[PrefectFuture[Any]]:
    """Yield the futures of a run, including those that its tasks submit meanwhile, as branches do."""
    seen: set[str] = set()
    while waiting := [name for name in list(run.futures) if name not in seen]:
        for name in waiting:
            seen.add(name)
            yield run.futures[name]


def write_record(run: Run) -> RunRecord:
    """Write ``run.json`` from what is known of a run now."""
    record = run_record.finish(
        open_store(run.store),
        pipeline=run.pipeline,
        run=run.id,
        engine="prefect",
        nodes=_planned(run),
        started=run.started,
        parameters=run.parameters,
        known={name: node.known() for name, node in list(run.nodes.items())},
        graph=run.graph() if run.graph is not None else None,
        marked=_marked(run.stop.outside) if run.stop.cause is Cause.MARK else None,
    )
    run.record = record
    attempts.recorded(run.flow_run)
    return record


def _marked(state: State[Any] | None) -> Literal["success", "failed"] | None:
    """Return how a state that somebody set marks a run; states that continue or cancel it do not mark it."""
    if state is None or not state.is_final() or state.is_cancelled():
        return None
    return "success" if state.is_completed() else "failed"


def final_state(run: Run, record: RunRecord) -> State[Any]:
    """Return the state of a flow run that has ended.

    Raises:
        RunFailedError: it failed. It is raised, not returned, so that Prefect can run the flow again.
        Pause: it was suspended.
        Abort: it was reported as crashed. Prefect then keeps the state, also if a retry has changed it since.
    """
    outside = run.stop.outside
    nodes = record.document["nodes"]
    counts: dict[str, list[str]] = {}
    for name, node in nodes.items():
        counts.setdefault(node["state"], []).append(name)
    message = "; ".join(f"{state}: {', '.join(names)}" for state, names in counts.items())
    match run.stop.cause:
        case Cause.SUSPEND:
            raise Pause(state=outside)
        case Cause.REPORT:
            raise Abort(run.stop.reason)
        case Cause.MARK if outside is not None:
            return outside.fresh_copy()
        case Cause.CANCEL if record.state is not Outcome.COMPLETE:
            return Cancelled(message=message)
    if record.state is Outcome.COMPLETE:
        return Completed(message=message)
    raise RunFailedError(message)
