"""Show a run in progress: a live tree on a terminal, plain lines elsewhere.

``rich`` draws the tree; it comes with either engine and is not needed without a terminal.
"""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from datetime import datetime
from importlib.util import find_spec
from typing import IO, TYPE_CHECKING, Self

from translator.diagnostics import printable
from translator.history.times import duration
from translator.run.progress import again, called, plain, why
from translator.run.tree import LiveTree

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager
    from types import TracebackType

    from translator.run.progress import Execution, Progress, View


def view(
    progress: Progress, kinds: Mapping[str, str], *, engine: str, quiet: bool, stream: IO[str] | None = None
) -> View:
    """Return the view that fits standard output.

    Args:
        progress: what to show.
        kinds: the kinds of nodes by path; each node precedes those in its branches.
        engine: the name of the engine, which takes seconds to start.
        quiet: whether to show only requested lines.
        stream: where to print; standard output by default.
    """
    out = stream or sys.stdout
    if quiet:
        return Lines(kinds, engine, out, quiet=True)
    if out.isatty() and os.environ.get("TERM") != "dumb" and find_spec("rich") is not None:
        return LiveTree(progress, kinds, engine, out)
    return Lines(kinds, engine, out)


class Lines:
    """One line per event, with the time, for logs and pipes."""

    def __init__(self, kinds: Mapping[str, str], engine: str, out: IO[str], *, quiet: bool = False) -> None:
        self._kinds, self._engine, self._out, self._quiet = kinds, engine, out, quiet

    def __enter__(self) -> Self:
        if not self._quiet:
            self._print(f"{_clock()} starting {self._engine}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def changed(self, execution: Execution) -> None:
        """Print a line for an execution that started or ended."""
        if self._quiet:
            return
        running = execution.state == "running"
        state = "started" if running else execution.state
        took = "" if running else f" after {duration(execution.seconds)}"
        self._print(f"{_clock()} {called(execution, self._kinds)}: {state}{again(execution)}{took}{why(execution)}")

    def print_line(self, line: str) -> None:
        """Print the line."""
        self._print(plain(line))

    def making_room(self) -> AbstractContextManager[None]:
        """Return a context that does nothing: lines leave room."""
        return nullcontext()

    def _print(self, line: str) -> None:
        self._out.write(printable(line) + "\n")
        self._out.flush()


def _clock() -> str:
    return f"{datetime.now().astimezone():%H:%M:%S}"
