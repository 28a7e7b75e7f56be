"""Move files to and from a remote store so that a transfer can be stopped at any time."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

from translator.shim.errors import TranslatorError
from translator.shim.files import abandon, digest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

STALLED = 120.0
"""The seconds without progress after which a transfer fails."""


class StalledError(TranslatorError):
    """A transfer without progress."""


class _LeftError(Exception):
    """A transfer whose caller no longer waits."""


class _Progress:
    """The progress of a transfer, updated by its thread and watched by the caller."""

    def __init__(self, pulse: Callable[[], None]) -> None:
        self.abandoned = False
        self._pulse = pulse
        self._moved = time.monotonic()

    def moved(self) -> None:
        """Record progress."""
        if self.abandoned:
            raise _LeftError
        self._moved = time.monotonic()

    def pulse(self) -> None:
        """Check whether to continue."""
        self._pulse()
        if time.monotonic() - self._moved > STALLED:
            raise StalledError(f"no progress for {STALLED:g} s")


def download(open_source: Callable[[], Any], target: Path, pulse: Callable[[], None]) -> tuple[int, str]:
    """Copy what ``open_source`` opens to the new file ``target``; return its size and its SHA-256.

    Args:
        open_source: called in a thread.
        target: where to.
        pulse: called a few times a second; an exception ends the transfer at once.
    """
    progress = _Progress(pulse)
    with target.open("xb", buffering=digest.BLOCK) as file:

        def copy() -> tuple[int, str]:
            with open_source() as source:
                return digest.pump(source, file.write, progress.moved)

        return _watched(copy, progress)


def upload(source: Path, open_target: Callable[[], Any], pulse: Callable[[], None]) -> tuple[int, str]:
    """Copy the file ``source`` into what ``open_target`` opens; as ``down``. An incomplete copy is discarded."""
    progress = _Progress(pulse)

    def copy() -> tuple[int, str]:
        with source.open("rb", buffering=0) as file:
            target = open_target()
            try:
                copied_digest = digest.pump(file, target.write, progress.moved)
            except BaseException:
                with contextlib.suppress(Exception):
                    target.discard()
                    target.closed = True  # otherwise, closing it would complete it
                raise
            target.close()
            return copied_digest

    return _watched(copy, progress)


def _watched(copy: Callable[[], tuple[int, str]], progress: _Progress) -> tuple[int, str]:
    try:
        return abandon.run(copy, progress.pulse)
    except BaseException:
        progress.abandoned = True
        raise
