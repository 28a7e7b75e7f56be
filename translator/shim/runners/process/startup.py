"""Try again to start a command whose namespace bubblewrap could not make.

Bubblewrap changes the flags of each mount that the command sees, one after the other. It ends with an error if such a
mount disappears meanwhile, which happens all the time where containers start and end on the same machine: whoever
removes the directory of a mount removes the mount from every namespace.
"""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from translator.shim.process.supervise import Ended
    from translator.shim.runners.process.mounts import Overlay

TRIES = 10
"""How often the namespace is tried to be made."""
_PAUSE = 0.02


def signalling(arguments: Sequence[str], sign: Path) -> list[str]:
    """Return a command that makes the file ``sign`` before it becomes the command ``arguments``."""
    return ["/bin/sh", "-c", ': > "$0" && exec "$@"', str(sign), *arguments]


def started(
    start: Callable[[Callable[[bytes], None]], Ended],
    sign: Path,
    overlay: Overlay | None,
    errors: Callable[[bytes], None],
) -> Ended:
    """Run a command, again if it ended before it was in its namespace.

    Args:
        start: runs the command to its end; its argument gets what is printed to standard error.
        sign: the file that exists as soon as the command is in its namespace.
        overlay: what the namespace mounts.
        errors: gets the standard error of the command, or of the last try.
    """
    for attempt in range(1, TRIES + 1):
        held = _Held(sign, errors)
        ended = start(held)
        if ended.cause != "exit" or attempt == TRIES or sign.exists():
            break
        if overlay is not None:
            # The kernel refuses to mount again what was mounted without syncing.
            shutil.rmtree(overlay.work / "work" / "incompat", ignore_errors=True)
        time.sleep(_PAUSE)
    held.release()
    return ended


class _Held:
    """A buffer for what is printed to standard error until the command is in its namespace."""

    def __init__(self, sign: Path, errors: Callable[[bytes], None]) -> None:
        self._sign = sign
        self._errors = errors
        self._chunks: list[bytes] | None = []

    def __call__(self, chunk: bytes) -> None:
        if self._chunks is not None and not self._sign.exists():
            self._chunks.append(chunk)
            return
        self.release()
        self._errors(chunk)

    def release(self) -> None:
        """Pass on what was held, and hold nothing more."""
        chunks, self._chunks = self._chunks, None
        for chunk in chunks or ():
            self._errors(chunk)
