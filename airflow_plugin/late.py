"""Writes ``run.json`` of runs whose task ``finish`` is not going to do so: in the API server and in the scheduler.

A person may mark thousands of instances at once, and Airflow tells of each. So a run is written once for all that one
transaction changes, and only when that is in the database. Nobody waits for the store: a thread of each run does it,
one after another, so that what is written last is what was seen last.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_plugin.owned import is_finish

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from airflow_plugin.tries import States

ENDED = ("success", "failed", "skipped", "upstream_failed", "removed")
"""The states of an instance that does not run any more."""
_ASKED = "pipeline_translator.asked"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """A run to write; ``ended`` is whether its task ``finish`` gave it its state, which it keeps."""

    dag_id: str
    run_id: str
    ended: bool


def write_when_committed(of: Any, *, ended: bool) -> None:
    """Write ``run.json`` of a run when the session of one of Airflow's objects has been committed.

    Args:
        of: the run, or an instance of it.
        ended: whether to do so only if the task ``finish`` has ended; the run keeps the state that it gave.
    """
    from sqlalchemy import event
    from sqlalchemy.orm import object_session

    session: Any = object_session(of)
    if _ASKED not in session.info:
        session.info[_ASKED] = set()
        event.listen(session, "after_commit", _hand_over)
    session.info[_ASKED].add(Asked(of.dag_id, of.run_id, ended))


def _hand_over(session: Any) -> None:
    if session.in_nested_transaction():  # a savepoint; the rest is still to be committed
        return
    asked = session.info[_ASKED]
    while asked:
        _writer.write(asked.pop())


class Writer:
    """Calls ``write`` in a thread; what is asked for again meanwhile is written once more, after that."""

    def __init__(self, write: Callable[[Asked], None]) -> None:
        self._write = write
        self._lock = threading.Lock()
        self._again: dict[Asked, bool] = {}

    def write(self, run: Asked) -> None:
        """Have a run written, as it is from now on."""
        with self._lock:
            busy = run in self._again
            self._again[run] = busy
        if not busy:
            threading.Thread(target=self._work, args=[run], name="run.json", daemon=True).start()

    def _work(self, run: Asked) -> None:
        while True:
            try:
                self._write(run)
            except Exception:
                log.exception("run.json of %s does not tell how the run stands", run.run_id)
            with self._lock:
                if not self._again[run]:
                    del self._again[run]
                    return
                self._again[run] = False


@dataclass(frozen=True, slots=True)
class _Seen:
    """What Airflow's database has of a run: of its tasks the states, and the tries that they have named."""

    started: datetime | None
    states: dict[str, States]
    tries: dict[str, dict[int, str]]


def _seen(run: Asked) -> _Seen | None:
    """Look at a run; None if ``finish`` is going to write its record, or if it has no such task."""
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    from airflow_plugin.owned import FINISH
    from airflow_plugin.tries import KEY

    instance = select(TaskInstance.task_id, TaskInstance.operator, TaskInstance.map_index, TaskInstance.state)
    instance = instance.where(TaskInstance.dag_id == run.dag_id, TaskInstance.run_id == run.run_id)
    with create_session(scoped=False) as session:
        finish = session.execute(instance.where(TaskInstance.task_id == FINISH)).first()
        if finish is None or not is_finish(finish) or (run.ended and finish.state not in ENDED):
            return None
        states: dict[str, States] = {}
        for ti in session.execute(instance):
            if ti.state is not None and ti.state != "removed":
                states.setdefault(ti.task_id, {})[ti.map_index] = str(ti.state)
        query = XComModel.get_many(run_id=run.run_id, key=KEY, dag_ids=run.dag_id)
        tries: dict[str, dict[int, str]] = {}
        for task, value in session.execute(query.with_only_columns(XComModel.task_id, XComModel.value)):
            tries.setdefault(task, {})[value["map_index"]] = value["manifest"]
        began = select(DagRun.start_date).where(DagRun.dag_id == run.dag_id, DagRun.run_id == run.run_id)
        return _Seen(session.scalar(began), states, tries)


def _write(run: Asked) -> None:
    from airflow_plugin.killed import let_killed_end
    from airflow_plugin.outcome import as_plan, counting, known_of
    from airflow_plugin.plan import PLAN, from_json
    from airflow_plugin.settings import store_uri
    from translator.shim import clock, outcome
    from translator.shim.contract import State
    from translator.shim.store import RUN, open_store

    seen = _seen(run)
    if seen is None:
        return
    uri = next((uri for of_task in seen.tries.values() for uri in of_task.values()), None)
    if uri is None:
        log.warning("none of the executions of run %s has begun: run.json does not tell how it stands", run.run_id)
        return
    store = open_store(store_uri())
    folder = "/".join(store.key(uri).split("/")[:2])
    try:
        plan = store.read_json(f"{folder}/{PLAN}")
    except FileNotFoundError:
        return  # a control-flow graph
    let_killed_end(store, plan["pipeline"], plan["run"], counting(seen.states, seen.tries))
    before = store.read_json(f"{folder}/{RUN}") if run.ended else {}
    nodes = from_json(plan)
    outcome.finish(
        store,
        pipeline=plan["pipeline"],
        run=plan["run"],
        engine="airflow",
        nodes=[as_plan(node.node) for node in nodes],
        started=before["started"] if before or seen.started is None else clock.written(seen.started),
        parameters=plan["parameters"],
        known={node.node.name: known_of(node, seen.states, seen.tries.get(node.node.run, {}), store) for node in nodes},
        marked=before.get("marked"),
        ended=State(before["state"]) if before else None,
    )


_writer = Writer(_write)
