"""Where the lines of a command go: into the task's log, and where this process is the whole run, also to its user."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.sdk.types import Logger


class _Echo:
    """The stream that gets all lines as well, if there is one."""

    stream: TextIO | None = None


def echo_to(stream: TextIO | None) -> None:
    """Write the lines of all commands that this process runs to ``stream`` as well."""
    _Echo.stream = stream


def line_log(logger: Logger, label: str) -> Callable[[str], None]:
    """A function that takes a line of a command's output; an echo shows ``label`` before it."""
    stream = _Echo.stream
    if stream is None:
        return logger.info

    def log(line: str) -> None:
        logger.info(line)
        print(f"{label} | {line}", file=stream, flush=True)

    return log
