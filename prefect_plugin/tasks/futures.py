"""Tell how task runs ended, as this process knows it.

Prefect's own ``future.wait()`` raises what broke the task, and a pause of the flow run; ``future.state`` may ask the
API, which lags behind.
"""

from __future__ import annotations

import concurrent.futures
from typing import TYPE_CHECKING, Any

from prefect import State
from prefect.exceptions import Abort, Pause
from prefect.futures import PrefectConcurrentFuture

if TYPE_CHECKING:
    from prefect.futures import PrefectFuture


def await_end(future: PrefectFuture[Any], timeout: float | None = None) -> None:
    """Wait until a task run ends, in any state."""
    if isinstance(future, PrefectConcurrentFuture):
        concurrent.futures.wait([future.wrapped_future], timeout)
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
