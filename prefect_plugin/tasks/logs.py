"""Log the lines of commands in task runs, and echo them to the user of a private Prefect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect import get_run_logger

from translator.shim import embedded

if TYPE_CHECKING:
    from collections.abc import Callable


def line_log(name: str) -> Callable[[str], None]:
    """Return a function that logs a line of the current task run's output; an echo shows ``name`` before it."""
    logger = get_run_logger()
    return embedded.line_log(lambda line: logger.info("%s", line), name)
