"""Report a run's events to its starter, as JSON lines in the file that TRANSLATOR_EVENTS names.

Each event has ``event`` (one of ``Event``) and ``time``. Events of executions have ``node``, ``index``, ``label`` and,
when they end, ``state``. The start of an execution also has its ``process``; ``process-lost`` ends what runs in one.
Several processes append to the file: each line is one write to a file opened for appending.
"""

from __future__ import annotations

import json
import os
from typing import Literal

from translator.shim.clock import now

Event = Literal[
    "run-started",
    "execution-started",
    "execution-metric",
    "execution-ended",
    "process-lost",
    "approval-required",
    "run-ended",
]
VARIABLE = "TRANSLATOR_EVENTS"


def are_read() -> bool:
    """Return whether the process that started the run reads events."""
    return bool(os.environ.get(VARIABLE))


def emit(
    event: Event,
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
        more: further fields, such as ``reason``; of an approval ``question``, ``text`` and ``answer``, a file's name.
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
