"""Tell how task runs ended, as this process knows it.

Prefect's own ``future.wait()`` raises what broke the task, and a pause of the flow run; ``future.state`` may ask the
API, which lags behind.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from prefect import State
from prefect.exceptions import Abort, Pause
from prefect.futures import PrefectConcurrentFuture, PrefectFuture
from prefect.states import Crashed, Pending

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID


def await_end(future: PrefectFuture[Any], timeout: float | None = None) -> None:
    """Wait until a task run ends, in any state."""
    if isinstance(future, PrefectConcurrentFuture):
        # That of a pool of processes is not one that ``concurrent.futures.wait`` accepts.
        ended = threading.Event()
        future.wrapped_future.add_done_callback(lambda _: ended.set())
        ended.wait(timeout)
    else:
        future.wait(timeout)


def ended_state(future: PrefectFuture[Any]) -> State[Any] | None:
    """Return the final state of a task run; None if it crashed, or still runs."""
    if not isinstance(future, PrefectConcurrentFuture):
        return future.state
    wrapped = future.wrapped_future
    if not wrapped.done() or wrapped.cancelled() or wrapped.exception() is not None:
        return None
    ended = wrapped.result()
    return ended if isinstance(ended, State) else None


def is_left_open(future: PrefectFuture[Any]) -> bool:
    """Return whether the API shows a task run as one that never ends, because it has no final state.

    This is a node with an incomplete upstream node (``NotReady``), or a task run that a suspension prevented.
    """
    if isinstance(future, DispatchedFuture):
        return future.lost or not future.state.is_final()
    if not isinstance(future, PrefectConcurrentFuture):
        return future.state.is_pending()
    wrapped = future.wrapped_future
    if wrapped.cancelled():  # it was never created
        return False
    if not wrapped.done():
        return True
    if isinstance(wrapped.exception(), (Abort, Pause)):
        return True
    state = ended_state(future)
    return state is not None and state.is_pending()


class DispatchedFuture(PrefectFuture[Any]):
    """A task run on another task runner; once it has ended, only its state is kept.

    A task runner keeps results as long as futures refer to them. Dask even computes one again if the worker that held
    it is lost: it would run the command a second time.

    Attributes:
        index: that of the execution in its node.
        inner: the future of the task runner, until it has ended.
        lost: whether the task run ended without a final state, so that the API does not know its end.
    """

    def __init__(
        self, index: int, inner: PrefectFuture[Any] | State[Any]
    ) -> None:  # Prefect's own only warns of itself
        """Refer to a task run, or to one that was refused, by the state that stands for it."""
        self.index = index
        self.lost = False
        self.inner: PrefectFuture[Any] | None = None
        self._ended: State[Any] | None = None
        if isinstance(inner, State):
            self._id, self._ended = uuid4(), inner
        else:
            self._id, self.inner = inner.task_run_id, inner

    @property
    def task_run_id(self) -> UUID:
        """The id of the task run."""
        return self._id

    @property
    def state(self) -> State[Any]:
        """The final state; until then ``Pending``."""
        return self._ended or Pending()

    def replace(self, inner: PrefectFuture[Any]) -> None:
        """Refer to another task run of the same execution."""
        self.inner, self._id = inner, inner.task_run_id

    def end(self) -> None:
        """Keep how the task run ended, and forget the task runner's future."""
        inner, self.inner = self.inner, None
        if inner is None:
            return
        try:
            await_end(inner)
            state = ended_state(inner)
            reason = "" if state is not None and state.is_final() else _reason(inner)
        except Exception as error:  # noqa: BLE001 - such as a server that does not answer: it must not end the node
            state, reason = None, f"{type(error).__name__}: {error}"
        if state is None or not state.is_final():  # its worker was lost, or could not even load the task
            self.lost = True
            state = Crashed(message=reason)
        self._ended = state

    def wait(self, timeout: float | None = None) -> None:
        """Wait until the task runner's future has ended."""
        if self.inner is not None:
            self.inner.wait(timeout)

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> Any:  # noqa: FBT001, FBT002 - Prefect's
        """Return the manifest of the execution."""
        if self._ended is None and self.inner is not None:
            return self.inner.result(timeout=timeout, raise_on_failure=raise_on_failure)
        return self.state.result(raise_on_failure=raise_on_failure)

    def add_done_callback(self, fn: Callable[[PrefectFuture[Any]], None]) -> None:
        """Call ``fn`` with this future once the task run has ended."""
        if self.inner is None:
            fn(self)
        else:
            self.inner.add_done_callback(lambda _: fn(self))


def _reason(future: PrefectFuture[Any]) -> str:
    """Return why a task run has no final state, as its task runner says."""
    try:
        future.result(raise_on_failure=False)
    except Exception as error:  # noqa: BLE001 - whatever the task runner raises is the reason
        return f"{type(error).__name__}: {error}"
    return "its task runner lost it"
