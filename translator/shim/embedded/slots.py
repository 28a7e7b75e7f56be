"""Limit how many executions run at once in a process that is the whole run."""

from __future__ import annotations

import contextlib
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


class _Slots:
    """The slots of this process, if it has a limit."""

    free: BoundedSemaphore | None = None


def limit(jobs: int) -> None:
    """Let at most ``jobs`` executions of this process run at once."""
    _Slots.free = BoundedSemaphore(jobs)


def slot() -> AbstractContextManager[object]:
    """Return the context in which an execution runs; it opens when there is a free slot."""
    return _Slots.free or contextlib.nullcontext()
