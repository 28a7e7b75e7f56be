"""Keep the output of an attempt as ``log.txt`` next to its manifest, as it arrives and of bounded size.

Of a long log the first ``HEAD`` bytes are kept and at least the last ``TAIL``, with a line between them that says how
much is left out. A log that cannot be written ends no command: it ends there. In a directory the file is written in
place, so that a killed worker leaves it; for an object store it is a temporary file, which is uploaded once a minute
and at the end.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import TYPE_CHECKING

from translator.shim.files import abandon

if TYPE_CHECKING:
    from collections.abc import Callable

HEAD = 4 << 20
TAIL = 4 << 20
EVERY = 60.0
# For the last upload; the log is not worth a longer wait.
PATIENCE = 5.0
_LINE = 128 << 10
"""No line is longer (see ``translator.shim.process.lines``)."""


class Log:
    """The log of one try."""

    __slots__ = ("_body", "_buffer", "_changed", "_deliver", "_ended", "_file", "_head", "_left_out", "_lock", "_size",
                 "failure")  # fmt: skip

    def __init__(self, file: int | None, deliver: Callable[[bytes], None] | None = None, failure: str = "") -> None:
        """Write to an open file.

        Args:
            file: its descriptor, which is closed at the end; None drops the log.
            deliver: uploads the whole log; called from its own threads.
            failure: why the file is missing.
        """
        self.failure = failure
        self._file = file
        self._deliver = deliver
        self._buffer: list[bytes] = []
        self._size = self._left_out = 0
        self._head: int | None = None
        self._body = 0
        self._changed = False
        self._ended = threading.Event()
        self._lock = threading.Lock()
        if deliver is not None and file is not None:
            threading.Thread(target=self._upload, name="log", daemon=True).start()

    def add(self, line: str) -> None:
        """Add a line; the next ``flush`` writes it."""
        self._buffer.append(line.encode("utf-8", "replace"))

    def flush(self) -> None:
        """Write the lines since the last flush."""
        if not self._buffer:
            return
        content = b"\n".join([*self._buffer, b""])
        self._buffer.clear()
        with self._lock:
            if self._file is None:
                return
            try:
                self._write(content)
                if self._size > HEAD + 2 * TAIL:
                    self._shorten(self._file)
            except OSError as error:
                self.failure = error.strerror or str(error)
                self._close()

    def close(self) -> None:
        """Write the rest, and upload it if the store needs it."""
        self.flush()
        self._ended.set()
        if self._deliver is not None and self._file is not None and self._changed:
            deadline = time.monotonic() + PATIENCE

            def pulse() -> None:
                if time.monotonic() > deadline:
                    raise TimeoutError

            with contextlib.suppress(Exception):
                abandon.run(self._delivered, pulse, name="log")
        with self._lock:
            self._close()

    def _write(self, content: bytes) -> None:
        rest = memoryview(content)
        while rest and self._file is not None:
            count = os.pwrite(self._file, rest, self._size)
            self._size += count
            rest = rest[count:]
        self._changed = True

    def _shorten(self, file: int) -> None:
        """Remove everything between the beginning and the end."""
        if self._head is None:
            before = max(0, HEAD - _LINE)
            self._head = before + os.pread(file, HEAD - before, before).rfind(b"\n") + 1
            self._body = self._head
        start = self._size - TAIL
        start += os.pread(file, _LINE, start).find(b"\n") + 1
        self._left_out += start - self._body
        note = f"[shim] {self._left_out} bytes of the log omitted\n".encode()
        tail = os.pread(file, self._size - start, start)
        self._size, self._body = self._head, self._head + len(note)
        self._write(note + tail)
        os.ftruncate(file, self._size)

    def _upload(self) -> None:
        while not self._ended.wait(EVERY):
            if self._changed:
                with contextlib.suppress(Exception):
                    self._delivered()

    def _delivered(self) -> None:
        with self._lock:
            if self._file is None or self._deliver is None:
                return
            self._changed = False
            content = os.pread(self._file, self._size, 0)
        self._deliver(content)

    def _close(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                os.close(self._file)
        self._file = None
