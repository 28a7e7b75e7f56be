"""Wait for work that cannot be interrupted, as long as the execution may continue.

A read of a socket, or a call into a file system's own library, does not end because we want it to. So it runs in a
daemon thread: when ``pulse`` raises, the caller continues, and the thread ends with the call or with
the process. What is abandoned must not touch anything that the caller uses afterwards.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

EVERY = 0.25


def run(work: Callable[[], T], pulse: Callable[[], None], *, name: str = "transfer") -> T:
    """Call ``work`` in its own thread and return its result.

    Args:
        work: a function that cannot be interrupted.
        pulse: called a few times a second from this thread; if it raises, the work is abandoned.
        name: of the thread.

    Raises:
        BaseException: what the work or the pulse raises.
    """
    pulse()
    future = begin(work, name=name)
    while not wait([future], EVERY).done:
        pulse()
    return future.result()


def begin(work: Callable[[], T], *, name: str) -> Future[T]:
    """Call ``work`` in its own thread, which does not keep the process alive.

    Args:
        work: a function that cannot be interrupted.
        name: of the thread.
    """
    future: Future[T] = Future()

    def call() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that waits
            future.set_exception(error)

    threading.Thread(target=call, name=name, daemon=True).start()
    return future


def limited(pulse: Callable[[], None], seconds: float) -> Callable[[], None]:
    """Return ``pulse`` with a limit of time, after which a call is given up."""
    deadline = time.monotonic() + seconds

    def call() -> None:
        pulse()
        if time.monotonic() > deadline:
            raise TimeoutError(f"no answer within {seconds:g} s")

    return call
