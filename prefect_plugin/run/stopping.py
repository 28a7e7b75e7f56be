"""Stop a run: requests to stop, and a watch that makes one when the run's state is changed from outside."""

from __future__ import annotations

import contextlib
import contextvars
import threading
from enum import Enum
from typing import TYPE_CHECKING

from prefect import State, get_client
from prefect.logging import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from uuid import UUID

    from prefect.client.schemas.objects import FlowRun

POLL_SECONDS = 2.0
"""The interval at which a flow run polls the API for its own state."""
REPLACED = "another process has begun a later attempt of this flow run"
"""The reason of a run that stops because it is no longer the latest attempt."""


class Cause(Enum):
    """The cause of a stop.

    ``ACTION``: an action of a node stops it. ``MARK``: somebody gave the flow run a final state while it ran.
    ``REPORT``: a worker reported it as crashed. ``REPLACED``: another process has begun a later attempt.
    """

    ERROR = "error"
    ACTION = "action"
    CANCEL = "cancel"
    SUSPEND = "suspend"
    MARK = "mark"
    REPORT = "report"
    REPLACED = "replaced"
    INTERRUPT = "interrupt"


class Stop:
    """A request to stop, which running executions obey within about a second; only the first request counts.

    ``outside`` is the state that somebody gave the flow run, even if something else stopped it before.
    """

    __slots__ = ("_followers", "_lock", "cause", "outside", "reason")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._followers: list[Stop] = []
        self.cause: Cause | None = None
        self.reason: str | None = None
        self.outside: State | None = None

    def trip(self, cause: Cause, reason: str) -> None:
        """Request a stop, with its cause."""
        with self._lock:
            if self.reason is not None:
                return
            self.cause, self.reason = cause, reason
            followers = list(self._followers)
        for follower in followers:
            self._lead(follower, cause, reason)

    def lead(self, follower: Stop) -> None:
        """Have the run of a matrix stop, too, now or later; it is suspended with the flow run, or else cancelled."""
        with self._lock:
            self._followers.append(follower)
            cause, reason = self.cause, self.reason
        if cause is not None and reason is not None:
            self._lead(follower, cause, reason)

    def _lead(self, follower: Stop, cause: Cause, reason: str) -> None:
        if cause is Cause.SUSPEND:
            follower.outside = self.outside
        follower.trip(cause if cause is Cause.SUSPEND else Cause.CANCEL, reason)


def is_cancel(state: State | None) -> bool:
    """Return whether the state of a flow run means that somebody cancels it."""
    return state is not None and (state.is_cancelling() or state.is_cancelled())


def is_suspension(state: State | None) -> bool:
    """Return whether the state of a flow run means that somebody suspended it."""
    return state is not None and state.is_paused() and state.name == "Suspended"


def _obey(stop: Stop, state: State | None) -> None:
    """Trip ``stop`` if ``state``, as the API shows it for a running flow run, means that the run must end."""
    if state is None:
        return
    if is_cancel(state):
        stop.outside = state
        stop.trip(Cause.CANCEL, "the run was cancelled")
    elif is_suspension(state):
        stop.outside = state
        stop.trip(Cause.SUSPEND, "the run was suspended")
    elif state.is_crashed():
        stop.outside = state
        stop.trip(Cause.REPORT, "the run was reported as crashed")
    elif state.is_final():
        stop.outside = state
        stop.trip(Cause.MARK, f"somebody set the run to {state.name}")


@contextlib.contextmanager
def state_watched(stop: Stop, flow_run: UUID, is_replaced: Callable[[FlowRun], bool]) -> Iterator[None]:
    """Trip ``stop`` if somebody cancels, suspends or ends the flow run through the API, while the context is open.

    Trip it also if ``is_replaced`` returns true for the flow run.

    A flow that was started as a script or in a test then gets no signal: the API only changes its state. A suspended
    flow gets none either, and Prefect ends it only between tasks.
    """
    done = threading.Event()

    def watch() -> None:
        if done.wait(POLL_SECONDS):
            return
        with get_client(sync_client=True) as client:
            while stop.outside is None and stop.cause is not Cause.REPLACED:
                try:
                    now = client.read_flow_run(flow_run)
                except Exception as error:  # noqa: BLE001 - whatever the network does, the next poll may work
                    get_logger(__name__).debug("cannot ask for the state of the flow run: %s", error)
                else:
                    if is_replaced(now):
                        stop.trip(Cause.REPLACED, REPLACED)
                    else:
                        _obey(stop, now.state)
                if done.wait(POLL_SECONDS):
                    return

    thread = threading.Thread(target=contextvars.copy_context().run, args=(watch,), name="state-watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(POLL_SECONDS)
