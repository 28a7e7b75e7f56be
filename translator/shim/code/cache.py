"""Keep the code of projects on a worker, in a directory that no other user can write to."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from translator.shim.files.cache import cache_directory
from translator.shim.files.locks import NoLocksError, hold
from translator.shim.workspace import private

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        with suppress(NoLocksError):
            hold(lock, pulse, _LOCKED)
        yield
    finally:
        os.close(lock)
