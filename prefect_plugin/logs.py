"""Where the lines of a command go: into the task run's log, and where this process is the whole run, to its user."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from prefect import get_run_logger

if TYPE_CHECKING:
    from collections.abc import Callable


class _Echo:
    """The stream that gets all lines as well, if there is one."""

    stream: TextIO | None = None


def echo_to(stream: TextIO | None) -> None:
    """Write the lines of all commands that this process runs to ``stream`` as well."""
    _Echo.stream = stream


def line_log(name: str) -> Callable[[str], None]:
    """A function that takes a line of the output of the current task run; an echo shows ``name`` before it."""
    logger, stream = get_run_logger(), _Echo.stream

    def log(line: str) -> None:
        logger.info("%s", line)
        if stream is not None:
            print(f"{name} | {line}", file=stream, flush=True)

    return log
