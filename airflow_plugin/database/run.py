"""Read a run from Airflow's database, in the API server and the scheduler, where no task can be asked."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_plugin.dag.finish_task import DOCUMENT, FINISH, is_finish
from airflow_plugin.database.lookups import xcom_backend
from airflow_plugin.run.directory import DagRunId, folder_of
from airflow_plugin.run.mark import INSTANCE, RunMark, bearer, indexes, read
from airflow_plugin.run.mark import KEY as RUN_KEY
from airflow_plugin.run.pipeline import pipeline_of
from airflow_plugin.tasks.effects import KEY as ACTIONS
from airflow_plugin.tasks.instances import ENDED, KEY, REASON, RETURNED, STOPPED, named_try, successful

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from airflow_plugin.tasks.instances import States
    from translator.shim.store import Store

log = logging.getLogger(__name__)

Row = tuple[int, "datetime"]
FINAL = ("success", "failed")
"""The states of a run that has ended."""


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run in Airflow's database.

    Attributes:
        row: its primary key and the time after which it runs, which no later run of the same id has; SQLite uses the
            key of a deleted run again.
        id: the run, and when it started.
        pipeline: the display name of its DAG.
        plan: the description of its DAG in the task ``finish``.
        default_args: those of its DAG.
        declared: the names of the params of its DAG.
        conf: what it was triggered with.
        params: the params of the run.
        states: by task the states of its instances.
        tries: by task and map index the URIs that instances have named.
        lists: by task what it returned, of those that list the items of maps.
        reasons: by task why it failed, of those of grids.
        marked: by task the map indexes of instances that a person marked as failed while they ran.
        actions: by task the effects of actions that it has pushed.
        document: the URI of the ``run.json`` that ``finish`` wrote.
        state: Airflow's state of the run.
    """

    row: Row
    id: DagRunId
    pipeline: str
    plan: Mapping[str, Any]
    default_args: Mapping[str, Any]
    declared: Collection[str]
    conf: Mapping[str, Any]
    params: Mapping[str, Any]
    states: Mapping[str, States]
    tries: Mapping[str, Mapping[int, str]]
    lists: Mapping[str, Any]
    reasons: Mapping[str, str]
    marked: Mapping[str, Collection[int]]
    actions: Mapping[str, Any]
    document: str | None
    state: str | None

    def folder(self, store: Store) -> str:
        """Return the run's name in the store."""
        named = [uri for of_task in self.tries.values() for uri in of_task.values()]
        return folder_of(store, self.pipeline, self.id, lambda: named or [uri for uri in [self.document] if uri])


def look(dag_id: str, run_id: str, *, ended: bool) -> StoredRun | None:
    """Read a run from the database; None if ``finish`` is going to write its record, or if it has no such task.

    A run that is deleted while it is read is None, too: what is left of it says nothing.

    Args:
        dag_id: id of its DAG.
        run_id: its id.
        ended: whether to read it only if ``finish`` has ended.
    """
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session(scoped=False) as session:
        instances = _instances(session, dag_id, run_id)
        finish = next((ti for ti in instances if is_finish(ti)), None)
        if finish is None or (ended and finish.state not in ENDED):
            return None
        run = session.scalar(select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id))
        if run is None or (described := _described(session, run, instances)) is None:
            return None
        dag, plan = described
        defaults = dict(dag.params.dump())
        states: dict[str, States] = {}
        # Of a run that timed out, Airflow 3.1 leaves what had no state without one; newer versions skip it, too.
        missing = "skipped" if finish.state is None and run.state in FINAL else None
        for ti in instances:
            state = ti.state or missing
            if state is not None and state != "removed":
                states.setdefault(ti.task_id, {})[ti.map_index] = str(state)
        conf = dict(run.conf or {})
        pushed = Pushed(session, dag_id, run_id)
        mark = pushed.mark(bearer(dag.task_ids), run.clear_number or 0)
        stored = StoredRun(
            row=(run.id, run.run_after),
            id=DagRunId(dag_id, run_id, run.run_after, run.start_date or run.queued_at, run.clear_number or 0),
            pipeline=pipeline_of(dag),
            plan=plan,
            default_args=dag.default_args,
            declared=list(defaults),
            conf=conf,
            params={**defaults, **(conf if _overrides() else {})},
            states=mark.before(states) if mark is not None else states,
            tries=pushed.tries(states),
            lists=pushed.lists(list(_listing(plan.get("graph")))),
            reasons=pushed.reasons(),
            marked=pushed.marked(),
            actions=pushed.actions(),
            document=pushed.document(),
            state=run.state,
        )
        return stored if _exists(session, stored.row) else None


def exists(row: Row) -> bool:
    """Return whether a run is in the database.

    Args:
        row: ``StoredRun.row``.
    """
    from airflow.utils.session import create_session

    with create_session(scoped=False) as session:
        return _exists(session, row)


def _exists(session: Session, row: Row) -> bool:
    from airflow.models.dagrun import DagRun
    from sqlalchemy import select

    return session.scalar(select(DagRun.id).where(DagRun.id == row[0], DagRun.run_after == row[1])) is not None


def _overrides() -> bool:
    """Return whether Airflow lets a run's ``conf`` override params."""
    from airflow.configuration import conf

    return bool(conf.getboolean("core", "dag_run_conf_overrides_params"))


def _instances(session: Session, dag_id: str, run_id: str) -> Sequence[Any]:
    from airflow.models.taskinstance import TaskInstance as Instance
    from sqlalchemy import select

    columns = (Instance.task_id, Instance.operator, Instance.map_index, Instance.state, Instance.dag_version_id)
    return session.execute(select(*columns).where(Instance.dag_id == dag_id, Instance.run_id == run_id)).all()


def _described(session: Session, run: Any, instances: Sequence[Any]) -> tuple[Any, Mapping[str, Any]] | None:
    """Return a run's DAG and its plan; None if an older version of this plugin wrote the DAG without a plan."""
    dag = dag_of_run(session, run, instances)
    if dag is None:
        log.warning("Airflow has no version of DAG %s for run %s: run.json is not updated", run.dag_id, run.run_id)
        return None
    plan = getattr(dag.get_task(FINISH), "plan", None)
    if plan is None:
        log.warning(
            "DAG %s is from an older version of this plugin: run.json of %s is not updated", run.dag_id, run.run_id
        )
        return None
    return dag, json.loads(plan)


def dag_of_run(session: Session, run: Any, instances: Sequence[Any]) -> Any:
    """Return a run's DAG as Airflow has stored it, in the version that ran last; None if there is none.

    Args:
        session: of the database.
        run: the run.
        instances: its task instances.
    """
    from airflow.models.dag_version import DagVersion
    from airflow.models.serialized_dag import SerializedDagModel
    from sqlalchemy import select

    versions = {ti.dag_version_id for ti in instances} | {run.created_dag_version_id}
    query = select(SerializedDagModel).join(DagVersion, DagVersion.id == SerializedDagModel.dag_version_id)
    query = query.where(DagVersion.id.in_(versions - {None})).order_by(DagVersion.version_number.desc()).limit(1)
    serialized = session.scalar(query)
    if serialized is None:
        return None
    serialized.load_op_links = False
    return serialized.dag


def _listing(graph: Mapping[str, Any] | None) -> Iterable[str]:
    """Yield the tasks that list the items of the maps of a graph, according to its plan."""
    for node in graph["nodes"] if graph is not None else ():
        if node["kind"] == "map":
            yield node["entry"]
        for branch in node["branches"].values():
            yield from _listing(branch)


class Pushed:
    """The XComs that tasks of a run pushed.

    Args:
        session: of the database.
        dag_id: id of the run's DAG.
        run_id: its id.
    """

    def __init__(self, session: Session, dag_id: str, run_id: str) -> None:
        self._session = session
        self._dag_id = dag_id
        self._run_id = run_id

    def tries(self, states: Mapping[str, States]) -> dict[str, dict[int, str]]:
        """Return by task and map index the URIs that instances have named; those of successful ones at least."""
        uris = self._tries(self._all(KEY))
        unnamed = [task for task, of_task in states.items() if successful(of_task) - uris.get(task, {}).keys()]
        returned = self._tries(self._all(RETURNED, unnamed)) if unnamed else {}
        return {task: returned.get(task, {}) | uris.get(task, {}) for task in returned.keys() | uris.keys()}

    def _tries(self, values: Iterable[tuple[str, Any]]) -> dict[str, dict[int, str]]:
        uris: dict[str, dict[int, str]] = {}
        for task, value in values:
            if (named := named_try(value)) is not None:
                uris.setdefault(task, {})[named[0]] = named[1]
        return uris

    def lists(self, task_ids: Collection[str]) -> dict[str, Any]:
        """Return by task what it returned."""
        return dict(self._all(RETURNED, task_ids)) if task_ids else {}

    def reasons(self) -> dict[str, str]:
        """Return by task why it failed."""
        return dict(self._all(REASON))

    def stopped(self) -> set[str]:
        """Return the tasks of which an instance was stopped when it was executed last."""
        return {task for task, _ in self._all(STOPPED)}

    def mark(self, task_id: str, clear_number: int) -> RunMark | None:
        """Return how a person marked the run, unless it was cleared since.

        Args:
            task_id: the task that bears the mark.
            clear_number: how often the run has been cleared.
        """
        return read(dict(self._all(RUN_KEY, [task_id])).get(task_id), clear_number)

    def marked(self) -> dict[str, set[int]]:
        """Return by task the instances that a person marked as failed while they ran."""
        found: dict[str, set[int]] = {}
        for task, value in self._all(INSTANCE):
            found.setdefault(task, set()).update(indexes(value))
        return found

    def actions(self) -> dict[str, Any]:
        """Return by task the effects of its actions."""
        return dict(self._all(ACTIONS))

    def document(self) -> str | None:
        """Return the URI of the ``run.json`` that ``finish`` wrote."""
        return dict(self._all(DOCUMENT)).get(FINISH)

    def _all(self, key: str, task_ids: Collection[str] | None = None) -> Iterable[tuple[str, Any]]:
        from airflow.models.xcom import XComModel

        query = XComModel.get_many(run_id=self._run_id, key=key, dag_ids=self._dag_id, task_ids=task_ids)
        backend = xcom_backend()
        for row in self._session.execute(query.with_only_columns(XComModel.task_id, XComModel.value)):
            yield row.task_id, backend.deserialize_value(row)
