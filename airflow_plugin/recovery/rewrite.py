"""Write ``run.json`` of a run from Airflow's database, in the API server and in the scheduler.

Both may write the same record at the same time. So each looks again after it has written: a process that was slow to
write what it saw has overwritten what another process saw later.

The record of a run that is deleted stays as it is: if that happens during a write, the write is undone.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from airflow_plugin.database.run import FINAL, exists, look
from airflow_plugin.tasks.entries import entry_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from airflow_plugin.controlflow.structure import Graph
    from airflow_plugin.database.run import StoredRun
    from translator.shim.outcome.run_record import RunRecord
    from translator.shim.store import Store


def write(dag_id: str, run_id: str, *, ended: bool, decided: bool = False) -> None:
    """Write ``run.json`` of a run.

    Args:
        dag_id: id of its DAG.
        run_id: its id.
        ended: whether the task ``finish`` set its state, which stays; if ``finish`` is to run again, nothing is
            written.
        decided: whether Airflow has decided the state of the run since a person may have marked it, because it ran
            parts of the run again. A mark of the run that contradicts this state no longer counts.
    """
    from airflow_plugin.configuration.locations import store_address
    from translator.shim import variables
    from translator.shim.outcome.run_record import mark
    from translator.shim.store import RUN, key_of, open_store

    if variables.RUN in os.environ:  # a command runs it, and writes its record
        return
    seen = look(dag_id, run_id, ended=ended)
    if seen is None:
        return
    store = open_store(store_address(seen.default_args))
    key = key_of(seen.pipeline, seen.folder(store), name=RUN)
    before = _content(store, key)
    written = _write(store, seen, ended=ended, decided=decided)
    while (now := look(dag_id, run_id, ended=ended)) is not None and now != seen and now.state in FINAL:
        if now.row != seen.row:  # another run has the id now; it has its own record
            break
        same_attempt = now.id == seen.id
        if same_attempt and seen.state in FINAL and seen.state != now.state:  # a person marked the run meanwhile
            mark(store, written.uri, "success" if now.state == "success" else "failed")
        written = _write(store, now, ended=ended and same_attempt)
        seen = now
    if not exists(seen.row):
        _restore(store, key, before)


def _content(store: Store, key: str) -> bytes | None:
    """Return what a file holds; None if it does not exist."""
    try:
        return store.read(key)
    except FileNotFoundError:
        return None


def _restore(store: Store, key: str, content: bytes | None) -> None:
    """Give a file the content that it had; None if it did not exist."""
    if content is None:
        store.remove(key)
    else:
        store.write(key, content)


def _write(store: Store, stored: StoredRun, *, ended: bool, decided: bool = False) -> RunRecord:
    from translator.shim import clock
    from translator.shim.contract import State

    before = _before(store, stored) if ended else {}
    if before and not (decided and _is_past(before, stored)):
        how = {"started": before["started"], "marked": before.get("marked")}
        return _record(store, stored, **how, ended=State(before["state"]))
    how = {"started": before["started"] if before else clock.format_time(stored.id.started), "marked": None}
    outcome = _record(store, stored, **how, ended=None)
    if before and stored.state == "success" and not outcome.is_success:
        return _record(store, stored, **how, ended=State.COMPLETE)
    if stored.state == "failed" and outcome.state is State.COMPLETE:  # it was cut off when only its end was missing
        return _record(store, stored, **how, ended=State.STOPPED)
    return outcome


def _is_past(before: Mapping[str, Any], stored: StoredRun) -> bool:
    """Return whether a person's mark of the run in ``run.json`` contradicts the state of the run in Airflow."""
    return (
        stored.state in FINAL
        and "marked" in before
        and (before["state"] == "complete") is not (stored.state == "success")
    )


def _before(store: Store, stored: StoredRun) -> Mapping[str, Any]:
    """Return ``run.json`` as written before; empty if ``finish`` was lost before it wrote it."""
    from translator.shim.store import RUN, key_of

    try:
        document: Mapping[str, Any] = store.read_json(key_of(stored.pipeline, stored.folder(store), name=RUN))
    except FileNotFoundError:
        return {}
    return document


def _record(store: Store, stored: StoredRun, **how: Any) -> RunRecord:
    from airflow_plugin.controlflow import outcome as controlflow_outcome
    from airflow_plugin.controlflow.progress import Run as ControlFlowRun
    from airflow_plugin.controlflow.structure import from_json as graph_from_json
    from airflow_plugin.dag.plan import from_json
    from airflow_plugin.dataflow import outcome
    from airflow_plugin.parameters.run_conf import described

    if "graph" in stored.plan:
        run = ControlFlowRun(Run(stored, graph_from_json(stored.plan["graph"])), stored.plan["dialect"])
        return controlflow_outcome.write(run, parameters=dict(stored.params), **how)
    known = outcome.EngineRun(
        states=stored.states,
        tries=stored.tries,
        params=stored.params,
        begun=described(stored.conf, stored.declared) is None,
        reason=stored.reasons.get,
        marked=stored.marked,
        actions=stored.actions,
    )
    return outcome.write(
        store,
        from_json(stored.plan["nodes"]),
        known,
        pipeline=stored.pipeline,
        run=stored.folder(store),
        parameters={name: stored.params[name] for name in stored.plan["parameters"]},
        **how,
    )


class Run:
    """A run of a control-flow graph in the database; it replaces ``airflow_plugin.controlflow.progress.Task``.

    Args:
        seen: what the database has.
        root: the graph.
    """

    def __init__(self, stored: StoredRun, root: Graph) -> None:
        from airflow_plugin.configuration.locations import store_address

        self._stored = stored
        self.pipeline = stored.pipeline
        self.root = root
        self.params = stored.params
        self.store = store_address(stored.default_args)

    def folder(self, store: Store, tries: Iterable[str]) -> str:  # noqa: ARG002 - the database has all of them
        """Return the run's name in the store."""
        return self._stored.folder(store)

    def states(self, task_id: str | None = None, number: int | None = None) -> Mapping[str, str | None]:  # noqa: ARG002
        """Return the states of all instances: by the task's id, or by the id, ``_`` and a number."""
        return {
            task if index < 0 else f"{task}_{index}": state
            for task, of_task in self._stored.states.items()
            for index, state in of_task.items()
        }

    def items(self, task_id: str) -> Sequence[Mapping[str, Any]]:
        """Return the items of a map, as listed by its task."""
        return [entry_of(item) for item in self._stored.lists.get(task_id) or ()]

    def tries(self, task_id: str) -> Mapping[int, str]:
        """Return by number the URIs that the instances of a task have named."""
        return self._stored.tries.get(task_id, {})

    def marked(self, task_id: str) -> Collection[int]:
        """Return the numbers of the instances of a task that a person marked as failed while they ran."""
        return self._stored.marked.get(task_id, ())
