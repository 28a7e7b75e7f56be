"""Report a run's events to its starter, as JSON lines in the file that TRANSLATOR_EVENTS names.

Each event has ``event`` (run-started, execution-started, execution-metric, execution-ended, run-ended) and ``time``;
events of executions have ``node``, ``index``, ``label`` and, at their end, ``state``. Several processes append to the
one file: each line is one write to a file opened for appending.
"""

from __future__ import annotations

import json
import os
from typing import Literal

from translator.shim.clock import now

VARIABLE = "TRANSLATOR_EVENTS"


def are_read() -> bool:
    """Return whether the process that started the run reads events."""
    return bool(os.environ.get(VARIABLE))


def emit(
    event: Literal["run-started", "execution-started", "execution-metric", "execution-ended", "run-ended"],
    *,
    node: str | None = None,
    index: int | None = None,
    state: str | None = None,
    label: str | None = None,
    **more: str | float | None,
) -> None:
    """Append an event to the events file, if it is set and can be written.

    Args:
        event: what happened.
        node: name of the node.
        index: index of the execution in its node's grid.
        state: state of the execution or of the run, if it has ended.
        label: short text of the execution's parameters (``translator.shim.parameters.grid.label``).
        more: further fields, such as ``reason``.
    """
    path = os.environ.get(VARIABLE)
    if not path:
        return
    fields = {"event": event, "node": node, "index": index, "state": state, "label": label, "time": now(), **more}
    line = json.dumps({name: value for name, value in fields.items() if value is not None}) + "\n"
    try:
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    except OSError:
        return
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)
