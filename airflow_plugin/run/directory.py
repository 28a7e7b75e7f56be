"""Choose the directory of a DAG run in the store, and detect whether an existing directory belongs to another run."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_plugin.dag.finish_task import DOCUMENT, FINISH
from airflow_plugin.run.pipeline import pipeline_of
from translator.shim import clock, variables
from translator.shim.outcome import resumed
from translator.shim.store.owner import own_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from airflow.sdk import Context

    from translator.shim.store import Store


RESUMES = "_resumes"
"""The key of a run's ``conf`` that names the run in the store whose complete executions it keeps."""


@dataclass(frozen=True, slots=True)
class DagRunId:
    """The identity of a DAG run, and when its current attempt started."""

    dag_id: str
    run_id: str
    run_after: datetime
    started: datetime
    clear_number: int = 0


def run_directory(context: Context, store: Store, tries: Iterable[str] = ()) -> str:
    """Return the name of the DAG run of a task in the store.

    A run that another DAG has started to resume an earlier one records that there, for those that resume this one.

    Args:
        context: of a task of the run.
        store: the store.
        tries: URIs of manifests of executions of the run, if the task knows any.

    Raises:
        translator.shim.store.StoreError: the store cannot be read or written.
    """
    run, ti = context["dag_run"], context["ti"]
    started: Any = run.start_date or ti.start_date
    named = DagRunId(run.dag_id, str(run.run_id), run.run_after, started, run.clear_number or 0)

    def written() -> list[str]:
        return [*tries] or [uri for uri in [ti.xcom_pull(task_ids=FINISH, key=DOCUMENT)] if uri]

    pipeline = pipeline_of(context["dag"])
    folder = folder_of(store, pipeline, named, written)
    earlier = (run.conf or {}).get(RESUMES)
    if isinstance(earlier, str) and earlier and resumed.read(store, pipeline, folder) is None:
        resumed.write(store, pipeline, folder, earlier)
    return folder


def folder_of(store: Store, pipeline: str, run: DagRunId, written: Callable[[], Iterable[str]]) -> str:
    """Return the name of a DAG run in the store: its id, with a number if another run has a directory of that name.

    A cleared run keeps its directory. Airflow gives tasks no unique identity of a run, only the time of its start,
    which a clear changes. So a directory with another start belongs to the run if tries of its executions or its
    ``run.json`` are in it. If there are none anywhere, it belongs to the run if the run was cleared.

    Args:
        store: the store.
        pipeline: name of the pipeline.
        run: the run.
        written: returns the URIs of what tasks of the run have written so far.

    Raises:
        translator.shim.store.StoreError: the store cannot be read or written.
    """
    if chosen := os.environ.get(variables.RUN):
        return chosen
    owner = {
        "engine": "airflow",
        "dag_id": run.dag_id,
        "run_id": run.run_id,
        "run_after": clock.format_time(run.run_after),
    }

    def is_own(other: Mapping[str, Any], folder: str) -> bool:
        if any(other.get(key) != value for key, value in owner.items()):
            return False
        if uris := list(written()):
            return any(uri.startswith(f"{folder}/") for uri in uris)
        return bool(run.clear_number)

    return own_folder(store, pipeline, run.run_id, {**owner, "started": clock.format_time(run.started)}, is_own=is_own)
