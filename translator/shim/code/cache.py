"""Keep the code of projects on a worker, in a directory that no other user can write to."""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from translator.shim.files.cache import cache_directory
from translator.shim.workspace import private

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PAUSE = 0.1
_LOCKED = 600.0
"""The seconds after which another process is taken to be stuck; a second one that fetches does no harm."""


def folder() -> Path:
    """Return the directory for code of this worker: in the user's cache, else among the temporary files.

    Raises:
        WorkspaceError: other users could change what is in it.
    """
    cache = cache_directory()
    if cache is None:  # a home that cannot be written to
        cache = Path(tempfile.gettempdir()) / f"translator-code-{os.getuid()}"
        private(cache)
    place = cache / "code"
    place.mkdir(mode=0o700, exist_ok=True)
    return place


@contextmanager
def locked(path: Path, pulse: Callable[[], None]) -> Iterator[None]:
    """Hold the lock of a file, once no other process does; do without if the file system has no locks.

    Args:
        path: the file; it is made.
        pulse: called while another process has the lock; an exception ends the wait.
    """
    lock = _waited_for(path, pulse)
    try:
        yield
    finally:
        if lock is not None:
            os.close(lock)


def _waited_for(path: Path, pulse: Callable[[], None]) -> int | None:
    """Return a lock that this process holds, once no other does; None if the file system has no locks."""
    try:
        import fcntl
    except ImportError:
        return None
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + _LOCKED
    try:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    break
                pulse()
                time.sleep(_PAUSE)
            else:
                return lock
    except OSError:
        pass
    except BaseException:
        os.close(lock)
        raise
    os.close(lock)
    return None
