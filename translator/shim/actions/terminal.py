"""Ask who started a run with ``translate run`` for an approval, at the terminal."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from translator.shim.actions.effects import Decision, UndecidedError
from translator.shim.embedded import events
from translator.shim.variables import ANSWERS

if TYPE_CHECKING:
    from collections.abc import Callable

_POLL_SECONDS = 0.2


def answers() -> bool:
    """Return whether somebody at a terminal answers questions of this run."""
    return bool(os.environ.get(ANSWERS))


def ask(question: str, text: str, stop_reason: Callable[[], str | None]) -> Decision:
    """Return the decision of the person at the terminal; wait for it.

    Args:
        question: the question.
        text: what there is to decide on, in Markdown.
        stop_reason: returns why the run stops, once it does.

    Raises:
        UndecidedError: the run stops before the person has decided.
    """
    file = Path(os.environ[ANSWERS]) / uuid4().hex
    events.emit("approval-required", question=question, text=text, answer=file.name)
    while True:
        if file.exists():
            answer = json.loads(file.read_text(encoding="utf-8"))
            return Decision(answer["approve"] is True, answer.get("by"))
        if (reason := stop_reason()) is not None:
            raise UndecidedError(reason)
        time.sleep(_POLL_SECONDS)
