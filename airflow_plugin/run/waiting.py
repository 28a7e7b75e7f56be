"""Wait until other tasks, and executions that Airflow has given up, are over."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from airflow_plugin.tasks.instances import ENDED, listed_states, task_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

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
    own = context["ti"].task_id
    _let_end(lambda: listed_states(context), lambda key: key != own)


def let_upstream_end(context: Context, task_ids: Iterable[str]) -> Mapping[str, str | None]:
    """Wait for instances of upstream tasks, as long as any of them runs or is about to; return what is listed then.

    There are only such instances if a person cleared them together with this task, and not what is between them: a
    failed execution of a node that continues, whose last task is a success.

    Args:
        context: of the task that asks.
        task_ids: the upstream tasks.
    """
    wanted, tasks = {*task_ids}, context["dag"].task_dict
    return _let_end(lambda: listed_states(context, wanted), lambda key: task_of(key, tasks) in wanted)


def _let_end(
    list_states: Callable[[], Mapping[str, str | None]], counts: Callable[[str], bool]
) -> Mapping[str, str | None]:
    """Wait until the instances that count have ended, while something happens to them; return what is listed then."""
    deadline = time.monotonic() + _PATIENCE
    before: set[str] = set()
    while True:
        listed = list_states()
        open_ones = {key: state for key, state in listed.items() if state not in ENDED and counts(key)}
        if not open_ones:
            return listed
        if "running" in open_ones.values() or set(open_ones) != before:
            deadline = time.monotonic() + _PATIENCE
        if time.monotonic() >= deadline:
            return listed
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
