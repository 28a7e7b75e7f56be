"""What must be over before the state of a run is told: executions whose tasks Airflow has already given up."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from translator.shim.store import Store

# Seconds: Airflow notices within a heartbeat (5 by default), and kills what does not end within 5 more.
_PATIENCE = 20.0
_PAUSE = 0.5


def let_killed_end(store: Store, pipeline: str, run: str, uris: Iterable[str]) -> None:
    """Wait for executions that have begun and not ended.

    There are none, but when a person ended the run or marked a task that ran, which kills it at its next heartbeat, or
    when a worker was lost, which nothing but this wait can tell.

    Args:
        store: where the manifests are.
        pipeline: name of the pipeline.
        run: name of the run in the store.
        uris: of each try that counts, where its manifest is once it has ended.
    """
    deadline = time.monotonic() + _PATIENCE
    folder = f"{store.location(pipeline, run)}/"
    waiting = {uri.removeprefix(folder) for uri in uris if uri.startswith(folder)}
    while waiting and (waiting := waiting.difference(store.keys(pipeline, run))) and time.monotonic() < deadline:
        time.sleep(_PAUSE)
