"""Separate the output of commands from that of the engine, for a run in its own process without a server."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class _Echo:
    """The stream that also receives the lines of all commands, if there is one."""

    stream: TextIO | None = None


@contextlib.contextmanager
def quiet(log: Path) -> Iterator[TextIO]:
    """Send all output of this process to ``log``, except for the lines of commands; yield a stream for errors."""
    sys.stdout.flush()
    sys.stderr.flush()
    output, errors = (os.fdopen(os.dup(number), "w", buffering=1, errors="replace") for number in (1, 2))
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for number in (1, 2):
        os.dup2(file, number)
    _Echo.stream = output
    try:
        yield errors
    finally:
        _Echo.stream = None
        sys.stdout.flush()
        sys.stderr.flush()
        for number, stream in ((1, output), (2, errors)):
            os.dup2(stream.fileno(), number)
            stream.close()
        os.close(file)


def line_log(write: Callable[[str], None], label: str) -> Callable[[str], None]:
    """Return a function that takes a line of a command's output.

    Args:
        write: writes a line to the engine's log.
        label: the prefix of the line if this process is the whole run, and its user sees all lines.
    """
    stream = _Echo.stream
    if stream is None:
        return write

    def log(line: str) -> None:
        write(line)
        print(f"{label} | {line}", file=stream, flush=True)

    return log
