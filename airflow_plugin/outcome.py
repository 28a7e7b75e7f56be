"""The outcome of a run, from what Airflow knows of its tasks and what its executions left in the store."""

from __future__ import annotations

import time
from datetime import UTC
from typing import TYPE_CHECKING

from airflow_plugin.gates import left_out, unmet
from airflow_plugin.nodes import nodes
from airflow_plugin.settings import run_id, store_uri
from translator.shim import outcome
from translator.shim.contract import State
from translator.shim.store import MANIFEST, open_store

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from airflow.sdk import Context

    from airflow_plugin.nodes import Node
    from translator.shim.contract import Value
    from translator.shim.outcome import RunRecord
    from translator.shim.store import Store

# An execution that Airflow calls so left no manifest only if its worker was killed, or if it never began.
_WITHOUT_MANIFEST = {"failed": State.ERROR, "success": State.ERROR, "skipped": State.STOPPED}

# Seconds: Airflow notices within a heartbeat (5 by default), and kills what does not end within 5 more.
_PATIENCE = 20.0
_PAUSE = 0.5


def finish(context: Context, parameters: Mapping[str, Value]) -> RunRecord:
    """Derive the states of a run's nodes and of the run, and write ``run.json``.

    Args:
        context: of the task that ends the run.
        parameters: the pipeline's parameters as they were in this run.
    """
    ti = context["ti"]
    pipeline = context["dag"].dag_display_name
    store = open_store(store_uri())
    _let_killed_end(store, pipeline, run_id(context))
    states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id])[ti.run_id]
    of_dag = nodes(context["dag"]).values()
    out = left_out(context, store)
    known = {}
    for node in of_dag:
        known[node.name] = {outcome.NODE: State.SKIPPED} if node.name in out else _executions(node, states)
        was_skipped = any(states.get(task) == "skipped" for task in node.tasks)
        if node.only_if and not known[node.name] and was_skipped and unmet(context, node.only_if, store):
            known[node.name] = {outcome.NODE: State.SKIPPED}
    return outcome.finish(
        store,
        pipeline=pipeline,
        run=run_id(context),
        engine="airflow",
        nodes=[
            outcome.NodePlan(
                node.name,
                node.kind,
                node.on_error,
                node.on_child_error,
                [before for before in node.upstream if before not in out],
            )
            for node in of_dag
        ],
        started=_iso(context["dag_run"].start_date or ti.start_date),
        parameters=parameters,
        known=known,
    )


def _let_killed_end(store: Store, pipeline: str, run: str) -> None:
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


def _iso(time: datetime) -> str:
    return f"{time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def _executions(node: Node, states: Mapping[str, str]) -> dict[int, State]:
    """What Airflow knows of the executions of a node, by index, and of the node itself if it has none."""
    if any(states.get(task) == "failed" for task in node.tasks if task.endswith(".grid")):
        return {outcome.NODE: State.ERROR}
    if node.kind == "execution":
        state = _WITHOUT_MANIFEST.get(states.get(node.run, ""), State.STOPPED)
        return {0: state} if state is State.ERROR else {}
    found = {}
    for task, of_task in states.items():
        name, _, index = task.rpartition("_")
        if name == node.run and index.isdecimal() and of_task in _WITHOUT_MANIFEST:
            found[int(index)] = _WITHOUT_MANIFEST[of_task]
    if not found and states.get(node.run) == "skipped" and states.get(node.run.replace(".run", ".grid")) == "success":
        return {outcome.NODE: State.COMPLETE}  # its grid has no points
    if node.sequential and (failed := [index for index, state in found.items() if state is State.ERROR]):
        found |= dict.fromkeys((index for index in found if index > min(failed)), State.SKIPPED)
    return dict(sorted(found.items()))
