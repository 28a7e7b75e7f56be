"""Wait for a file that one process at a time may hold."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from translator.shim.errors import TranslatorError

if TYPE_CHECKING:
    from collections.abc import Callable

_PAUSE = 0.1


class NoLocksError(TranslatorError, OSError):
    """A file system or a platform that has no locks."""


def hold(file: int, pulse: Callable[[], None], patience: float = float("inf")) -> bool:
    """Lock an open file for this process, once no other holds it; closing the file gives it back.

    Args:
        file: the descriptor of the file.
        pulse: called while another process holds it; an exception ends the wait.
        patience: the seconds after which the wait ends.

    Returns:
        whether this process holds it.

    Raises:
        NoLocksError: it cannot be locked at all.
    """
    try:
        import fcntl
    except ImportError as error:
        raise NoLocksError(str(error)) from error
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pass
        except OSError as error:
            raise NoLocksError(f"it cannot be locked: {error.strerror}") from error
        else:
            return True
        if time.monotonic() > deadline:
            return False
        pulse()
        time.sleep(_PAUSE)
