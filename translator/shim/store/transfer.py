"""Move files to and from a remote store so that a transfer can be stopped at any time."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any

from translator.shim.errors import TranslatorError
from translator.shim.files import abandon, digest, resumable
from translator.shim.files.digest import no_pulse
from translator.shim.files.resumable import AGAIN, TemporaryError
from translator.shim.store import multipart, stated
from translator.shim.store.base import HURRY

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from translator.shim.files.resumable import Attempt
    from translator.shim.store.stated import Stated

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


_PERMANENT = (
    *(FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError),
    *(ImportError, ValueError, TypeError, LookupError, AttributeError, NotImplementedError),
    TranslatorError,
)
"""Exceptions of file systems that another attempt would raise as well."""


def download(
    open_source: Callable[[], Any],
    target: Path,
    pulse: Callable[[], None],
    describe: Callable[[Any], Stated] = stated.of_open_file,
) -> tuple[int, str]:
    """Copy what ``open_source`` opens to the new file ``target``; return its size and its SHA-256.

    A download that breaks off, or does not have the size and digest that the store states, is resumed or begins again
    (``translator.shim.files.resumable``).

    Args:
        open_source: called in a thread, once for each attempt.
        target: where to.
        pulse: called a few times a second; an exception ends the transfer at once.
        describe: returns what the store states of the open file; called in a thread.

    Raises:
        DownloadError: it failed too often.
        Exception: the file system's own, if another attempt would fail as well.
    """

    def attempt(part: Attempt) -> None:
        try:
            _continue(part, open_source, describe)
        except Exception as error:
            if isinstance(error, TemporaryError) or not _is_temporary(error):
                raise
            raise TemporaryError(getattr(error, "strerror", None) or str(error) or type(error).__name__) from error

    return resumable.complete(target, attempt, pulse, STALLED)


def _continue(part: Attempt, open_source: Callable[[], Any], describe: Callable[[Any], Stated]) -> None:
    """Copy what is missing of a file, or all of it if it is not known to be the same version."""
    with open_source() as source:
        facts = describe(source)
        if part.size and facts.version is not None and facts.version == part.version:
            source.seek(part.size)
        else:
            part.begin(facts.version, facts.digests)
        while block := source.read(digest.BLOCK):
            part.take(block)
    part.end(facts.size)


def _is_temporary(error: Exception) -> bool:
    """Return whether another attempt may succeed after an exception of a file system."""
    if isinstance(error, _PERMANENT):
        return False
    codes = (getattr(error, name, None) for name in ("status", "status_code", "code"))
    status = next((code for code in codes if isinstance(code, int)), None)
    if status is not None and 400 <= status < 500:  # noqa: PLR2004 - the codes of HTTP for mistakes of the client
        return status in AGAIN
    return "Credential" not in type(error).__name__


def upload(source: Path, open_target: Callable[[], Any], pulse: Callable[[], None]) -> tuple[int, str]:
    """Copy the file ``source`` into what ``open_target`` opens; as ``download``. An incomplete copy is discarded."""
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


def upload_in_parts(source: Path, system: Any, path: str, pulse: Callable[[], None]) -> tuple[int, str]:
    """Copy the file ``source`` to a path in S3 in parts; as ``upload``.

    S3 keeps the parts of an upload that is neither completed nor aborted, and they cost as much as files. So if the
    pulse ends the upload, this aborts it itself: the thread that uploads may end with the process.
    """
    progress = _Progress(pulse)
    place: dict[str, Any] = {}
    begun, ended = threading.Event(), threading.Event()

    def copy() -> tuple[int, str]:
        begun.set()
        try:
            progress.moved()
            place.update(multipart.begin(system, path))
            return multipart.upload(source, system, place, progress.moved)
        finally:
            ended.set()

    def abort() -> None:
        if place:
            multipart.abort(system, place)
        ended.wait()  # it aborts again, after the parts on their way

    try:
        return _watched(copy, progress)
    except BaseException:
        if begun.is_set() and not ended.is_set():
            with contextlib.suppress(TimeoutError):
                abandon.run(abort, abandon.limited(no_pulse, HURRY), name="abort")
        raise


def _watched(copy: Callable[[], tuple[int, str]], progress: _Progress) -> tuple[int, str]:
    try:
        return abandon.run(copy, progress.pulse)
    except BaseException:
        progress.abandoned = True
        raise
