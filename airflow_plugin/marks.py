"""What a person does to a whole run: a listener keeps it, so that ``run.json`` tells it.

Airflow gives a run that a person marks its state at once only if its task ``finish``, a teardown, has ended. Then
nothing of the run is started any more, and the listener corrects ``run.json``. Else Airflow ends all other tasks and
lets ``finish`` decide; nothing but this listener tells it what the person wanted. The listener is called where the
person's request is handled, in the API server.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Literal

from airflow.listeners import hookimpl

from airflow_plugin.owned import DOCUMENT, FINISH

if TYPE_CHECKING:
    from collections.abc import Collection

    from airflow.sdk import Context

    Mark = Literal["success", "failed"]

KEY = "run_marked"
"""The key of the XCom that says how a person marked the run."""
_BY_HAND = "Dag Run's state was manually set"
_ENDED = ("success", "failed", "skipped", "upstream_failed", "removed")

log = logging.getLogger(__name__)


@hookimpl
def on_dag_run_success(dag_run: Any, msg: str) -> None:
    """Keep that a person marked a run as success."""
    _keep(dag_run, msg, "success")


@hookimpl
def on_dag_run_failed(dag_run: Any, msg: str) -> None:
    """Keep that a person marked a run as failed."""
    _keep(dag_run, msg, "failed")


def marked(context: Context) -> Mark | None:
    """Return how a person has marked the run since it was cleared last, for its task ``finish``."""
    found = context["ti"].xcom_pull(task_ids=_bearer(context["dag"].task_ids), key=KEY)
    said = found[0] if isinstance(found, list) and found else found
    if not isinstance(said, dict) or said["clear_number"] != (context["dag_run"].clear_number or 0):
        return None
    mark: Mark = said["state"]
    return mark


def _bearer(task_ids: Collection[str]) -> str:
    """The task of which an instance has the XCom: ``finish`` loses its own when it starts."""
    return min(task_id for task_id in task_ids if task_id != FINISH)


def _keep(dag_run: Any, msg: str, state: Mark) -> None:
    # Airflow 3.1 says nothing of a person's deed; the scheduler always says why.
    if msg and not msg.startswith(_BY_HAND):
        return
    try:
        instances = {(ti.task_id, ti.map_index): ti for ti in _instances(dag_run)}
        finish = instances.get((FINISH, -1))
        if finish is None or not _is_ours(dag_run):
            return
        if finish.state in _ENDED:
            _correct(dag_run, state)
        else:
            _tell_finish(
                dag_run, min(key for key in instances if key[0] == _bearer({name for name, _ in instances})), state
            )
    except Exception:
        log.exception("run.json of %s will not tell that a person marked the run", dag_run.run_id)


def _is_ours(dag_run: Any) -> bool:
    finish = dag_run.dag.get_task(FINISH)
    return str(getattr(finish, "_task_module", "")).startswith("airflow_plugin.")


def _session(dag_run: Any) -> Any:
    """The session of the request, in which the mark is made, too."""
    from sqlalchemy.orm import object_session

    return object_session(dag_run)


def _instances(dag_run: Any) -> list[Any]:
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy import select

    of_run = (TaskInstance.dag_id == dag_run.dag_id, TaskInstance.run_id == dag_run.run_id)
    return list(_session(dag_run).scalars(select(TaskInstance).where(*of_run)))


def _tell_finish(dag_run: Any, bearer: tuple[str, int], state: Mark) -> None:
    from airflow.models.xcom import XComModel

    XComModel.set(
        KEY,
        {"state": state, "clear_number": dag_run.clear_number or 0},
        dag_id=dag_run.dag_id,
        task_id=bearer[0],
        run_id=dag_run.run_id,
        map_index=bearer[1],
        session=_session(dag_run),
    )


def _correct(dag_run: Any, state: Mark) -> None:
    """Change the ``run.json`` that ``finish`` wrote."""
    from airflow.models.xcom import XComModel

    from airflow_plugin.settings import store_uri
    from translator.shim.outcome import mark
    from translator.shim.store import open_store

    query = XComModel.get_many(
        run_id=dag_run.run_id, key=DOCUMENT, task_ids=FINISH, dag_ids=dag_run.dag_id, map_indexes=-1
    )
    found = _session(dag_run).execute(query.with_only_columns(XComModel.value)).first()
    if found is not None:
        mark(open_store(store_uri()), XComModel.deserialize_value(found), state)
