"""Submit the executions of a task node to a task runner of the user's choice, and follow them."""

from __future__ import annotations

import functools
import queue
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

from prefect import State, get_run_logger
from prefect.context import FlowRunContext
from prefect.states import Crashed
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from prefect_plugin.remote.stop_notices import StopNotice
from prefect_plugin.run.stopping import Cause
from prefect_plugin.tasks.futures import DispatchedFuture
from prefect_plugin.tasks.task_runners import WIDTH
from translator.shim.contract import ExecutionId
from translator.shim.store import MANIFEST, StoreError, open_store, try_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from prefect import Task
    from prefect.client.schemas.objects import RunInput
    from prefect.futures import PrefectFuture

    from prefect_plugin.run.run_state import NodeRun

IN_FLIGHT = 256
"""How many executions are submitted and have not ended, unless a node limits them; the task runner decides how many of
these run. What a cluster's scheduler has to hold does not grow with the grid."""
POLL_SECONDS = 0.5
RECALL_SECONDS = 5.0
"""How often a run that stops looks for executions that no machine has begun."""


class Dispatch(TaskRunner[DispatchedFuture]):
    """A task runner that passes the executions of one node on to another, a limited number at once.

    Once the run or the node stops, executions that no machine has begun end in this process, where they run no command:
    so they have the same states as in threads, and the run does not wait for a busy cluster.

    The thread that maps also follows what it has submitted, in ``submit`` and ``drain``.
    """

    def __init__(
        self,
        node: NodeRun,
        task_runner: TaskRunner[Any],
        max_workers: int | None,
        name_of: Callable[[int], str],
        ended: Callable[[DispatchedFuture], None],
    ) -> None:
        """Dispatch the executions of a node.

        Args:
            node: the node.
            task_runner: what runs them; it is duplicated, as Prefect does with that of a flow.
            max_workers: how many are in flight at once (default: ``IN_FLIGHT``).
            name_of: returns the name of an execution's task run, by index.
            ended: called with each execution that has ended.
        """
        super().__init__()  # type: ignore[no-untyped-call]
        self._node = node
        self._given = task_runner
        self._runner = task_runner.duplicate()
        self._here: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(max_workers=WIDTH)
        self._width = max_workers or IN_FLIGHT
        self._name_of = name_of
        self._report = ended
        self._exits = ExitStack()
        self._queue: queue.SimpleQueue[tuple[DispatchedFuture, PrefectFuture[Any]]] = queue.SimpleQueue()
        self._in_flight: dict[int, tuple[DispatchedFuture, Callable[[], PrefectFuture[Any]] | None]] = {}
        self._earlier: Mapping[int, int] = {}
        self._recalled = 0.0
        self._refusal: State[Any] | None = None

    def duplicate(self) -> Self:
        """Return a new task runner for the same node."""
        return type(self)(self._node, self._given, self._width, self._name_of, self._report)

    def __enter__(self) -> Self:
        super().__enter__()
        run = self._node.run
        run.tell_to_stop = run.tell_to_stop or StopNotice(run).write
        run.tell_to_stop()
        self._earlier = self._attempts()
        flow_run = FlowRunContext.get()
        if flow_run is not None and flow_run.flow is not None:
            _pickle_by_value(flow_run.flow.fn.__module__)
        self._exits.enter_context(self._here)
        self._exits.enter_context(self._runner)
        return self

    def __exit__(self, *exception: object) -> None:
        try:
            if self._in_flight:
                self._node.stop.trip(Cause.ERROR, "the other executions could not be submitted")
                self.drain()
        finally:
            self._exits.close()
        super().__exit__(*exception)

    def submit(
        self,
        task: Task[Any, Any],
        parameters: dict[str, Any],
        wait_for: Iterable[PrefectFuture[Any]] | None = None,
        dependencies: dict[str, set[RunInput]] | None = None,
    ) -> DispatchedFuture:
        """Submit an execution as soon as there is room for it; arguments are as of any task runner."""
        index: int = parameters["point"].index
        while len(self._in_flight) >= self._width:
            self._follow()
        here = functools.partial(self._here.submit, task, parameters, wait_for, dependencies)
        inner: PrefectFuture[Any] | State[Any]
        if self._node.should_stop() or self._node.is_over:
            inner = here()
        else:
            inner = self._refusal or self._submitted(task, parameters, wait_for, dependencies)
        future = DispatchedFuture(index, inner)
        self._node.run.mapped.append((self._name_of(index), future))
        if isinstance(inner, State):
            self._report(future)
        else:
            self._in_flight[index] = future, here
            self._await(future, inner)
        return future

    def _submitted(
        self,
        task: Task[Any, Any],
        parameters: dict[str, Any],
        wait_for: Iterable[PrefectFuture[Any]] | None,
        dependencies: dict[str, set[RunInput]] | None,
    ) -> PrefectFuture[Any] | State[Any]:
        """Return the future of an execution on the other task runner, or a state that says why it accepts none."""
        try:
            future: PrefectFuture[Any] = self._runner.submit(task, parameters, wait_for, dependencies)
        except Exception as error:  # noqa: BLE001 - whatever it raises, later executions would have to wait for, too
            get_run_logger().exception("the task runner accepts no executions")
            self._refusal = Crashed(message=f"{type(error).__name__}: {error}")
            return self._refusal
        return future

    def drain(self) -> None:
        """Follow executions until all have ended."""
        while self._in_flight:
            self._follow()

    def tries(self) -> Mapping[int, str]:
        """Return by index the URI of the manifest of each execution's last try, even if it is not written.

        Raises:
            StoreError: the store cannot be read.
        """
        run, node = self._node.run, self._node
        store = open_store(run.store)
        return {
            index: store.uri(try_key(ExecutionId(run.pipeline, run.id, node.name, index, attempt, node.kind), MANIFEST))
            for index, attempt in self._attempts().items()
            if attempt > self._earlier.get(index, 0)
        }

    def _attempts(self) -> Mapping[int, int]:
        """Return by index the number of the last try in the store, of earlier attempts of the run, too."""
        run = self._node.run
        tries = open_store(run.store).tries(run.pipeline, run.id, self._node.name)
        return {index: max(numbers) for (_, index), numbers in tries.items()}

    def _await(self, future: DispatchedFuture, inner: PrefectFuture[Any]) -> None:
        inner.add_done_callback(lambda _: self._queue.put((future, inner)))

    def _follow(self) -> None:
        """Wait a moment for an execution to end, and let a request to stop take effect."""
        if self._node.should_stop():
            self._stop()
        try:
            future, inner = self._queue.get(timeout=POLL_SECONDS)
        except queue.Empty:
            return
        if future.inner is not inner:  # it was recalled
            return
        del self._in_flight[future.index]
        future.end()
        self._report(future)

    def _stop(self) -> None:
        """Tell other machines to stop, and recall what they have not begun."""
        if time.monotonic() < self._recalled + RECALL_SECONDS:
            return
        node, first = self._node, self._recalled == 0.0
        self._recalled = time.monotonic()
        try:
            if node.run.tell_to_stop is not None:
                node.run.tell_to_stop()
            if first:
                return  # executions that begin now must be able to show it
            begun = self.tries()
        except StoreError as error:
            get_run_logger().warning("cannot stop executions on other machines yet: %s", error)
            return
        for index, (future, here) in self._in_flight.items():
            if here is not None and index not in begun:
                inner = here()
                future.replace(inner)
                self._in_flight[index] = future, None
                self._await(future, inner)


def _pickle_by_value(module: str) -> None:
    """Send a generated file along with its flow, instead of its name: other machines need not have it."""
    loaded = sys.modules.get(module)
    if loaded is not None and module != "__main__":  # otherwise it is sent anyway
        import cloudpickle  # type: ignore[import-untyped]  # Prefect needs it, too

        cloudpickle.register_pickle_by_value(loaded)
