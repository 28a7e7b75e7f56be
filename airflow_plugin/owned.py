"""The folder of a DAG run in the store, and whether the folder that bears its name is its own."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_plugin.nodes import nodes
from airflow_plugin.plan import PLAN, to_json
from airflow_plugin.settings import RUN
from translator.shim import clock
from translator.shim.store import key_of
from translator.shim.store.owner import own_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow.sdk import Context

    from translator.shim.store import Store

FINISH = "finish"
"""The id of the task that ends a run."""
DOCUMENT = "document"
"""The key of its XCom that holds the URI of ``run.json``; a failed task has no other."""


def is_finish(instance: Any) -> bool:
    """Return whether an instance, as Airflow's database has it, is of the task that ends a run of this plugin."""
    return bool(instance.task_id == FINISH and instance.operator == "FinishOperator")


def run_folder(context: Context, store: Store, tries: Iterable[str] = ()) -> str:
    """Return the name of the DAG run in the store: its id, with a number if another run has a folder of that name.

    A run that is cleared keeps its folder. Airflow tells a task no identity of a run that another one cannot have,
    but when it started, which a clear changes. So a folder of another start is the run's own if tries of its executions
    or its ``run.json`` are there. If there are none anywhere, it is its own if the run has been cleared.

    Args:
        context: of a task of the run.
        store: the store.
        tries: URIs of manifests of executions of the run, if the task knows any.

    Raises:
        translator.shim.store.StoreError: the store cannot be read or written.
    """
    if chosen := os.environ.get(RUN):
        return chosen
    run = context["dag_run"]
    ti = context["ti"]
    started = run.start_date or ti.start_date
    named = {"engine": "airflow", "dag_id": run.dag_id, "run_id": run.run_id, "run_after": clock.written(run.run_after)}

    def is_own(other: Mapping[str, Any], folder: str) -> bool:
        if any(other.get(key) != value for key, value in named.items()):
            return False
        written = [*tries] or [uri for uri in [ti.xcom_pull(task_ids=FINISH, key=DOCUMENT)] if uri]
        if written:
            return any(uri.startswith(f"{folder}/") for uri in written)
        return bool(run.clear_number)

    pipeline = context["dag"].dag_display_name
    owner = {**named, "started": clock.written(started)}
    return own_folder(store, pipeline, str(run.run_id), owner, is_own=is_own, taken=partial(keep_plan, context, store))


def keep_plan(context: Context, store: Store, run: str) -> None:
    """Write what the listener must know of the DAG as it is now beside the executions of a run.

    Args:
        context: of a task of the run.
        store: the store.
        run: the run's name in the store.
    """
    dag = context["dag"]
    if RUN in os.environ or not nodes(dag):  # no listener hears of it, or a control-flow graph
        return
    finish: Any = dag.get_task(FINISH)
    plan = to_json(dag, run, {key: context["params"][key] for key in finish.parameters})
    store.write_json(key_of(dag.dag_display_name, run, name=PLAN), plan)
