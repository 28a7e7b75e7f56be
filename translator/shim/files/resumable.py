"""Download a file in several attempts: one that breaks off is continued, or repeated, after a pause.

A download is resumed where the server or the store can do that for the same version of the file; else it begins again.
Temporary failures are tried again, ``TRIES`` times in a row without a new byte, after a pause that doubles or that the
server asks for. An attempt runs in its own thread, and one that no longer counts writes nothing.
"""

from __future__ import annotations

import base64
import hashlib
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

from translator.shim.errors import TranslatorError
from translator.shim.files import abandon

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

TRIES = 4
ROUNDS = 100
"""The maximum number of times to resume a download that makes little progress."""
FIRST_WAIT = 0.5
LONGEST_WAIT = 120.0
AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
"""The status codes of HTTP that say that the same request may succeed later."""
_SHA256 = "sha256"


class DownloadError(TranslatorError):
    """A failed download; the message says why, without the address."""


class TemporaryError(TranslatorError):
    """A temporary failure; ``after`` are the seconds that the server asks to wait."""

    def __init__(self, reason: str, after: float | None = None) -> None:
        super().__init__(reason)
        self.after = after


class _ReplacedError(Exception):
    """An attempt that continues although another one has begun, or nobody waits for it."""


@dataclass(slots=True)
class _Part:
    """The downloaded part of a file; ``version`` identifies the version of the file that it is a part of."""

    file: BinaryIO
    size: int = 0
    digests: dict[str, Any] = field(default_factory=lambda: {_SHA256: hashlib.sha256()})
    stated: Mapping[str, str] = field(default_factory=dict)
    version: str | None = None
    attempt: int = 0
    moved: float = field(default_factory=time.monotonic)
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to download a file, or what is missing of it."""

    _part: _Part
    _number: int

    @property
    def size(self) -> int:
        """The number of bytes that are there."""
        return self._part.size

    @property
    def version(self) -> str | None:
        """The version of the file that they are from, if it is known."""
        return self._part.version

    def begin(self, version: str | None = None, stated: Mapping[str, str] | None = None) -> None:
        """Begin with the first byte.

        Args:
            version: identifies the version of the file; None if the download cannot be resumed.
            stated: digests that the server states, in hexadecimal by the name of their algorithm (``hashlib``).
        """
        part = self._part
        with part.lock:
            self._check()
            part.file.seek(0)
            part.file.truncate()
            part.size, part.version, part.stated = 0, version, stated or {}
            part.digests = {name: hashlib.new(name, usedforsecurity=False) for name in {_SHA256, *part.stated}}

    def take(self, piece: bytes | memoryview) -> None:
        """Append a piece of the file.

        Raises:
            DownloadError: it cannot be written.
        """
        part = self._part
        with part.lock:
            self._check()
            try:
                part.file.write(piece)
            except OSError as error:
                raise DownloadError(f"it cannot be written: {error.strerror}") from error
            for digest in part.digests.values():
                digest.update(piece)
            part.size += len(piece)
            part.moved = time.monotonic()

    def end(self, expected: int | None) -> None:
        """Check the size and the stated digests of the file.

        Args:
            expected: the size that the server states, if it does.

        Raises:
            TemporaryError: they differ.
        """
        part = self._part
        if expected is not None and part.size != expected:
            problem = TemporaryError(f"the connection ended after {part.size} of {expected} bytes")
            if part.size > expected:
                self.begin()
            raise problem
        for name, stated in part.stated.items():
            computed = part.digests[name].hexdigest()
            if computed != stated.lower():
                self.begin()
                raise TemporaryError(f"it was damaged on its way: its {_title(name)} is {computed}, not {stated}")

    def _check(self) -> None:
        if self._part.attempt != self._number:
            raise _ReplacedError


def complete(
    target: Path, attempt: Callable[[Attempt], None], pulse: Callable[[], None], stalled: float | None = None
) -> tuple[int, str]:
    """Download a file to the new file ``target``.

    Args:
        target: where to.
        attempt: downloads what is missing, in a thread; it raises ``TemporaryError`` if it may succeed later.
        pulse: called a few times a second; what it raises ends the download at once.
        stalled: the seconds without progress after which an attempt fails; None if ``attempt`` notices that itself.

    Returns:
        Its size in bytes and its SHA-256.

    Raises:
        DownloadError: it failed too often.
        Exception: what ``attempt`` raises otherwise.
    """
    with target.open("xb") as file:
        part = _Part(file)
        furthest = fruitless = 0
        for _ in range(ROUNDS):
            try:
                _run(attempt, part, pulse, stalled)
            except TemporaryError as again:
                fruitless = 0 if part.size > furthest else fruitless + 1
                furthest = max(furthest, part.size)
                wait = FIRST_WAIT * 2**fruitless if again.after is None else again.after
                if fruitless >= TRIES or wait > LONGEST_WAIT:
                    asks = f", and asks to retry after {wait:.0f} s" if again.after is not None else ""
                    raise DownloadError(f"{again}{asks}") from None
            else:
                return part.size, part.digests[_SHA256].hexdigest()
            deadline = time.monotonic() + wait
            while (remaining := deadline - time.monotonic()) > 0:
                pulse()
                time.sleep(min(remaining, abandon.EVERY))
    raise DownloadError(f"the connection broke {ROUNDS} times")


def _run(attempt: Callable[[Attempt], None], part: _Part, pulse: Callable[[], None], stalled: float | None) -> None:
    """Make an attempt; afterwards, it cannot write any more."""
    own = Attempt(part, part.attempt)
    part.moved = time.monotonic()

    def watch() -> None:
        pulse()
        if stalled is not None and time.monotonic() - part.moved > stalled:
            raise TemporaryError(f"no progress for {stalled:g} s")

    try:
        abandon.run(lambda: attempt(own), watch, name="download")
    finally:
        with part.lock:
            part.attempt += 1


def from_base64(written: object, algorithm: str) -> str | None:
    """Return a digest of ``algorithm`` in hexadecimal; None if what is written is not one."""
    if not isinstance(written, str):
        return None
    try:
        digest = base64.b64decode(written, validate=True)
    except ValueError:
        return None
    return digest.hex() if len(digest) == hashlib.new(algorithm, usedforsecurity=False).digest_size else None


def _title(algorithm: str) -> str:
    return {"md5": "MD5", "sha1": "SHA-1"}.get(algorithm, algorithm.upper().replace("SHA", "SHA-"))
