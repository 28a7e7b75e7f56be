"""One token per flow run: what trips it, and how a cancel from outside becomes a tripped token."""

from __future__ import annotations

import contextlib
import contextvars
import threading
from enum import Enum
from typing import TYPE_CHECKING

from prefect import get_client
from prefect.logging import get_logger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

POLL_SECONDS = 2.0
"""How often a flow run asks the API whether somebody cancels it; nothing tells it."""


class Cause(Enum):
    """Why a run stops."""

    ERROR = "error"
    CANCEL = "cancel"


class Stop:
    """A request to stop that running executions obey within about a second; only the first one counts."""

    __slots__ = ("_lock", "cause", "reason")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.cause: Cause | None = None
        self.reason: str | None = None

    def trip(self, cause: Cause, reason: str) -> None:
        """Ask to stop, and say why."""
        with self._lock:
            if self.reason is None:
                self.cause, self.reason = cause, reason


@contextlib.contextmanager
def cancel_watched(stop: Stop, flow_run: UUID) -> Iterator[None]:
    """Trip ``stop`` when somebody cancels the flow run through the API, as long as the context is open.

    A flow that was started as a script or in a test gets no signal then: the API only sets its state to CANCELLING.
    """
    done = threading.Event()

    def watch() -> None:
        if done.wait(POLL_SECONDS):
            return
        with get_client(sync_client=True) as client:
            while not stop.reason:
                try:
                    state = client.read_flow_run(flow_run).state
                except Exception as error:  # noqa: BLE001 - whatever the network does, the next poll may work
                    get_logger(__name__).debug("cannot ask for the state of the flow run: %s", error)
                else:
                    if state and (state.is_cancelling() or state.is_cancelled()):
                        stop.trip(Cause.CANCEL, "the run was cancelled")
                if done.wait(POLL_SECONDS):
                    return

    thread = threading.Thread(target=contextvars.copy_context().run, args=(watch,), name="cancel-watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(POLL_SECONDS)
