r"""Turn a command's output into lines in bounded memory, whatever it prints.

A line ends with ``\n``. Of a line that was written over (progress bars end each state with ``\r``, with backspaces, or
with both, as Keras does) the last state is the line; while it lasts, a state is shown every ``PROGRESS_INTERVAL``
seconds. Of a line longer than ``LINE_LIMIT`` only the start is kept.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LINE_LIMIT = 1 << 20
LOG_LIMIT = 32 << 10
PROGRESS_INTERVAL = 5.0

_BACKSPACES = re.compile("(\b+)")
_UNREADABLE = re.compile("[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f\u2028\u2029]")
_COLOURS = re.compile("\x1b\\[[0-9;:]*[Km]")


class Lines:
    """An output stream that splits chunks into lines."""

    __slots__ = ("_emit", "_length", "_next_progress", "_pending", "_progress")

    def __init__(self, emit: Callable[[bytes, int], None], progress: Callable[[bytes, int], None]) -> None:
        """Start with an empty line.

        Args:
            emit: gets each whole line without its end, cut at ``LINE_LIMIT`` bytes, and its real length.
            progress: gets the current state of a line that is being rewritten.
        """
        self._emit = emit
        self._progress = progress
        self._pending = bytearray()
        self._length = 0
        self._next_progress = 0.0

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the stream."""
        *whole, rest = chunk.split(b"\n")
        if whole:
            self._add(whole[0])
            self._end()
            for line in whole[1:]:
                self._emit(_visible(line[:LINE_LIMIT]), len(line))
        if rest:
            self._add(rest)
            if b"\r" in rest and b"\r" in self._pending:
                self._written_over()

    def close(self) -> None:
        """Emit a last line without a line end."""
        if self._length:
            self._end()

    def _add(self, part: bytes) -> None:
        room = LINE_LIMIT - len(self._pending)
        if room > 0:
            self._pending += part[:room]
        self._length += len(part)

    def _end(self) -> None:
        line, length = bytes(self._pending), self._length
        self._pending.clear()
        self._length = 0
        self._emit(_visible(line), length)

    def _written_over(self) -> None:
        """Forget all states of the line but the last whole one and the one that has just begun."""
        states = bytes(self._pending).split(b"\r")
        begun = states.pop()
        last = _last(states)
        one = not begun and sum(map(bool, states)) == 1
        self._pending = bytearray(last + b"\r" + begun)
        self._length = len(self._pending)
        # One state that ends with the chunk may be a line that ends with \r\n.
        if last and not one and time.monotonic() >= self._next_progress:
            self._next_progress = time.monotonic() + PROGRESS_INTERVAL
            shown = _erased(last)
            self._progress(shown, len(shown))


def readable(line: bytes, length: int) -> str:
    """Return a line for a log: valid Unicode, no control characters except tab and escape, truncated if long.

    Args:
        line: the line, or its start.
        length: its real length in bytes.
    """
    text = line[:LOG_LIMIT].decode("utf-8", "replace")
    if not text.isprintable():
        text = _UNREADABLE.sub("\ufffd", text)
    if length > LOG_LIMIT:
        return f"{text}… [truncated: the line has {length} bytes]"
    return text


def uncoloured(text: str) -> str:
    """Return the text without the escape sequences that colour it on a terminal, or erase the rest of its line."""
    return _COLOURS.sub("", text)


def _visible(line: bytes) -> bytes:
    if b"\r" in line:
        line = _last(line.split(b"\r"))
    return _erased(line) if b"\b" in line else line


def _last(states: list[bytes]) -> bytes:
    """Return the last state that shows something: backspaces alone only move the cursor."""
    return next((state for state in reversed(states) if state.rstrip(b"\b")), b"")


def _erased(state: bytes) -> bytes:
    """Return a state without its backspaces and the characters that they took back; those at its end take none."""
    text = state.rstrip(b"\b").decode("utf-8", "surrogateescape")
    kept: list[str] = []
    for part in _BACKSPACES.split(text):
        if part.startswith("\b"):
            del kept[max(0, len(kept) - len(part)) :]
        else:
            kept += part
    return "".join(kept).encode("utf-8", "surrogateescape")
