"""Wait until other tasks, and executions that Airflow has given up, are over."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from airflow_plugin.tasks.instances import ENDED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow.sdk import Context

    from translator.shim.store import Store

# Seconds: Airflow notices within a heartbeat (5 by default), and kills tasks that do not end within 5 more.
_PATIENCE = 20.0
_PAUSE = 0.5


def let_others_end(context: Context) -> None:
    """Wait for other tasks of the run, as long as any of them runs or is about to.

    There are only such tasks if a person cleared the last task together with tasks whose downstream tasks it does not
    wait for in Airflow. Tasks that do not begin are ignored: this task may occupy the slot that they need.

    Args:
        context: of the task that ends the run.
    """
    ti = context["ti"]
    deadline = time.monotonic() + _PATIENCE
    before: set[str] = set()
    while True:
        listed = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id]).get(ti.run_id, {})
        open_ones = {key: state for key, state in listed.items() if state not in ENDED and key != ti.task_id}
        if not open_ones:
            return
        if "running" in open_ones.values() or set(open_ones) != before:
            deadline = time.monotonic() + _PATIENCE
        if time.monotonic() >= deadline:
            return
        before = set(open_ones)
        time.sleep(_PAUSE)


def let_killed_end(store: Store, pipeline: str, run: str, uris: Iterable[str]) -> None:
    """Wait for executions that have begun and not ended.

    There are only such executions if a person ended the run or marked a running task, which kills it at its next
    heartbeat, or if a worker was lost, which only this wait can detect.

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
