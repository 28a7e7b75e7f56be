"""Read Airflow's database in the API server, for pages and links; workers have no database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement


def pushed(dag_id: str, run_id: str, task_id: str, map_index: int, key: str) -> Any:
    """Return what a task instance pushed as an XCom, or None."""
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    query = XComModel.get_many(run_id=run_id, key=key, task_ids=task_id, dag_ids=dag_id, map_indexes=map_index)
    with create_session() as session:
        row = session.execute(query.with_only_columns(XComModel.value)).first()
    return xcom_backend().deserialize_value(row) if row else None


def xcom_backend() -> Any:
    """Return the class that reads the values of XComs: ``[core] xcom_backend`` may keep them in an object store."""
    from airflow.configuration import conf

    return conf.getimport("core", "xcom_backend")


def last_try(dag_id: str, run_id: str, task_id: str, map_index: int) -> int | None:
    """Return the number of a task instance's current try, or None if the instance does not exist."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import select

    query = select(TaskInstance.try_number).where(*_is_instance(dag_id, run_id, task_id, map_index))
    with create_session() as session:
        return session.scalar(query)


def dag_of(dag_id: str, run_id: str, task_id: str, map_index: int) -> Any:
    """Return the DAG in the version that a task instance ran, else the current version, or None.

    Args:
        dag_id: of the DAG.
        run_id: of the run.
        task_id: of the task.
        map_index: of the instance.
    """
    from airflow.models.dag_version import DagVersion
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import select

    query = select(TaskInstance.dag_version_id).where(*_is_instance(dag_id, run_id, task_id, map_index))
    with create_session() as session:
        version = session.scalar(query)
        dag_version = session.get(DagVersion, version) if version is not None else None
        if dag_version is not None and dag_version.serialized_dag is not None:
            return dag_version.serialized_dag.dag
    return SerializedDagModel.get_dag(dag_id)


def _is_instance(dag_id: str, run_id: str, task_id: str, map_index: int) -> tuple[ColumnElement[bool], ...]:
    from airflow.models.taskinstance import TaskInstance

    return (
        TaskInstance.dag_id == dag_id,
        TaskInstance.run_id == run_id,
        TaskInstance.task_id == task_id,
        TaskInstance.map_index == map_index,
    )
