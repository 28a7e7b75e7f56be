"""One run of a pipeline as one flow run: what its tasks share, and how it ends."""

from __future__ import annotations

import contextlib
import os
import time
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any, Literal

from prefect import get_run_logger
from prefect.context import FlowRunContext
from prefect.states import Cancelled, Completed, Failed

from prefect_plugin.repair import repair
from prefect_plugin.stopping import Cause, Stop, cancel_watched
from prefect_plugin.stores import choose
from translator.shim import clock, events, outcome
from translator.shim.contract import State as Outcome
from translator.shim.outcome import EngineState
from translator.shim.run import kill_all
from translator.shim.store import StoreError, open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from uuid import UUID

    from prefect import State
    from prefect.futures import PrefectFuture

    from prefect_plugin.points import Point
    from translator.shim.contract import Json, Manifest, Value
    from translator.shim.outcome import GraphPlan, NodePlan, RunRecord

RUN = "TRANSLATOR_RUN"
"""Environment variable with the run's id in the store, where the caller wants to choose it."""
PROJECT = "TRANSLATOR_PROJECT"
"""Environment variable with the project folder, where it is not beside the flow's file."""
SETTLE_SECONDS = 30.0
"""How long a run that is interrupted waits for its executions to end; each obeys within a few seconds."""


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
    """By index the URI that the manifest of the execution's last try has, or will have."""
    stop: Stop = field(default_factory=Stop)

    def should_stop(self) -> str | None:
        """Why executions of this node must stop, if they must."""
        return self.run.stop.reason or self.stop.reason

    def claimed(self, index: int) -> Callable[[str], None]:
        """Return a function that keeps the URI of the manifest of a try that begins."""
        return lambda uri: self.tries.__setitem__(index, uri)

    def known(self) -> dict[int, EngineState]:
        """Return by index what this attempt knows of executions; one that has no state yet was cut off."""
        return {
            index: EngineState(self.states.get(index, Outcome.STOPPED), self.tries.get(index))
            for index in sorted({*self.states, *self.tries})
        }


@dataclass(eq=False, slots=True)
class Run:
    """What all tasks of a flow run share; ``store`` is a URI, ``id`` the run's name in the store."""

    pipeline: str
    id: str
    store: str
    project: Path
    parameters: Mapping[str, Value | Json]
    started: str = field(default_factory=clock.now)
    stop: Stop = field(default_factory=Stop)
    plans: dict[str, NodePlan] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)
    futures: dict[str, PrefectFuture[Any]] = field(default_factory=dict)
    names: dict[UUID, str] = field(default_factory=dict)
    nodes: dict[str, NodeRun] = field(default_factory=dict)
    record: RunRecord | None = None
    slots: BoundedSemaphore | None = None
    """What a node must have to run its executions, where only so many nodes run at once."""
    graph: Callable[[], GraphPlan] | None = None
    """Of a routed pipeline, its graph as far as the run has come to know how it is routed."""


_run: ContextVar[Run] = ContextVar("run")
_node: ContextVar[NodeRun] = ContextVar("node")


def current_run() -> Run:
    """The run that the calling flow or task belongs to.

    Raises:
        RuntimeError: it is not called within ``run_of``.
    """
    try:
        return _run.get()
    except LookupError:
        raise RuntimeError("nodes run in a flow, within `with run_of(...)`") from None


def current_node() -> NodeRun:
    """The node whose body is being run.

    Raises:
        RuntimeError: it is not called in the body of a node.
    """
    try:
        return _node.get()
    except LookupError:
        raise RuntimeError("a Job is made in the body of a node") from None


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
def run_of(
    pipeline: str,
    *,
    project: Path,
    max_workers: int | None = None,
    parameters: Mapping[str, Value | Json] | None = None,
) -> Iterator[Run]:
    """Make the current flow run a run of ``pipeline``; to be opened in a flow's body, around all of it.

    A cancel from the API, a signal from a worker or Ctrl-C stops the executions, and ``run.json`` is written all the
    same. The store is chosen by ``prefect_plugin.stores``.

    Args:
        pipeline: the pipeline's name, as the source file spells it.
        project: the folder of the source file.
        max_workers: how many nodes run at once, if not all that can. The task runner must have a thread for each node
            all the same: one that waits for others takes a thread, and does not count here.
        parameters: the pipeline's own parameters, by the names of the source file.
    """
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        raise RuntimeError("run_of is for the body of a flow")
    flow_run = context.flow_run
    run = Run(
        pipeline=pipeline,
        id=os.environ.get(RUN) or f"{flow_run.name}-{flow_run.id.hex[-8:]}",
        store=choose(),
        project=Path(os.environ.get(PROJECT) or project).resolve(),
        parameters=dict(parameters or {}),
        slots=BoundedSemaphore(max_workers) if max_workers is not None else None,
    )
    token = _run.set(run)
    get_run_logger().info("Run %s of %r; artifacts are kept in %s", run.id, pipeline, run.store)
    events.emit("run-started")
    try:
        with cancel_watched(run.stop, flow_run.id):
            yield run
    except BaseException as error:
        run.stop.trip(Cause.CANCEL, f"the run was interrupted ({type(error).__name__})")
        _settle(run)
        raise
    finally:
        _run.reset(token)


def finish(nodes: Mapping[str, PrefectFuture[Any]]) -> State[Any]:
    """Wait for all nodes, write ``run.json``, and say how the run ended: the value for a flow to return.

    Args:
        nodes: the future of each node, by the names of the source file.
    """
    run = current_run()
    for future in nodes.values():
        future.wait()
    record = write_record(run)
    repair([(name, future, record.document["nodes"][name]["state"]) for name, future in nodes.items()])
    return final_state(record)


def _settle(run: Run) -> None:
    """Let the executions of an interrupted run end, and write what is known; the interruption is what is raised."""
    deadline = time.monotonic() + SETTLE_SECONDS
    try:
        for future in _as_submitted(run):
            future.wait(max(0.0, deadline - time.monotonic()))
    except BaseException:  # somebody insists: a second Ctrl-C
        kill_all()
        raise
    if run.record is None:
        try:
            write_record(run)
        except StoreError as error:
            get_run_logger().error("the run's record cannot be written: %s", error)


def _as_submitted(run: Run) -> Iterator[PrefectFuture[Any]]:
    """The futures of a run, also those that its tasks submit meanwhile: a branch's nodes are its own to submit."""
    seen: set[str] = set()
    while waiting := [name for name in list(run.futures) if name not in seen]:
        for name in waiting:
            seen.add(name)
            yield run.futures[name]


def write_record(run: Run) -> RunRecord:
    """Write ``run.json`` from what is known of a run now."""
    record = outcome.finish(
        open_store(run.store),
        pipeline=run.pipeline,
        run=run.id,
        engine="prefect",
        nodes=[run.plans[name] for name in sorted(run.plans, key=run.places.__getitem__)],
        started=run.started,
        parameters=run.parameters,
        known={name: node.known() for name, node in list(run.nodes.items())},
        graph=run.graph() if run.graph is not None else None,
    )
    run.record = record
    return record


def final_state(record: RunRecord) -> State[Any]:
    """The state of a flow run that has ended so."""
    nodes = record.document["nodes"]
    counts: dict[str, list[str]] = {}
    for name, node in nodes.items():
        counts.setdefault(node["state"], []).append(name)
    message = "; ".join(f"{state}: {', '.join(names)}" for state, names in counts.items())
    match record.state:
        case Outcome.COMPLETE:
            return Completed(message=message)
        case Outcome.STOPPED:
            return Cancelled(message=message)
        case _:
            return Failed(message=message)
