"""What must be over before the state of a run is told: executions whose tasks Airflow has already given up."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from translator.shim.store import MANIFEST

if TYPE_CHECKING:
    from translator.shim.store import Store

# Seconds: Airflow notices within a heartbeat (5 by default), and kills what does not end within 5 more.
_PATIENCE = 20.0
_PAUSE = 0.5


def let_killed_end(store: Store, pipeline: str, run: str) -> None:
    """Wait for executions that have begun and not ended.

    There are none, but when a person ended the run, which kills its tasks at their next heartbeat, or when a worker was
    lost, which nothing but this wait can tell.
    """
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        last = [attempts[max(attempts)] for attempts in store.tries(pipeline, run).values()]
        if all(MANIFEST in files for files in last):
            return
        time.sleep(_PAUSE)
