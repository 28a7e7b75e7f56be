"""Find a task instance's attempt in the store, in the API server, from operators as Airflow stores them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from airflow_plugin.controlflow.links import is_controlflow, node_of
from airflow_plugin.dag.finish_task import FINISH
from airflow_plugin.dag.nodes import node_name
from airflow_plugin.database.lookups import last_try, pushed
from airflow_plugin.run.pipeline import pipeline_of
from airflow_plugin.tasks.instances import KEY, RETURNED
from translator.shim.contract import ExecutionId
from translator.shim.errors import TranslatorError
from translator.shim.masking.uris import redact
from translator.shim.store import MANIFEST, StoreError, segment
from translator.shim.store.owner import OWNER

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import TaskInstanceKey

    from translator.shim.store import Store

WITH_MANIFEST = ("StepOperator", "DeploymentOperator", "ControlFlowStepOperator", "JoinOperator")
"""The operators whose tasks leave a manifest."""
_FOLDER = re.compile(
    rf"(?P<run>(?P<pipeline>[^/]+)/[^/]+)/(?P<execution>[^/]+/[0-9]+)/try-(?P<number>[0-9]{{1,9}})/{re.escape(MANIFEST)}"
)


class UnknownAttemptError(TranslatorError):
    """A try whose directory in the store is unknown; the message names what is missing."""


def execution_of(operator: Any, ti_key: TaskInstanceKey) -> ExecutionId:
    """Return the execution of a try of a task.

    Args:
        operator: the task's operator, as Airflow has stored it, without most of its arguments.
        ti_key: the task instance and the number of the try.
    """
    if is_controlflow(operator):
        node, index = node_of(operator, ti_key), 0
    else:
        node, index = node_name(operator), _index(operator, ti_key)
    return ExecutionId(pipeline_of(operator.dag), ti_key.run_id, node, index, ti_key.try_number)


def _index(operator: Any, ti_key: TaskInstanceKey) -> int:
    """Return the index of an execution in its node, whose batches Airflow counts from 0 each."""
    finish = operator.dag.get_task(FINISH) if operator.dag.has_task(FINISH) else None
    plan = json.loads(getattr(finish, "plan", None) or "{}")
    for node in plan.get("nodes", ()):
        if ti_key.task_id in (batches := node.get("batches", ())):
            return int(batches.index(ti_key.task_id) * node["batch_size"] + max(ti_key.map_index, 0))
    return max(ti_key.map_index, 0)


def folder_of(ti_key: TaskInstanceKey, pipeline: str, store: Store) -> str:
    """Return the key of the directory of a try.

    The task itself names its last try, because the store may also have tries of a deleted run. Earlier tries are as
    many numbers apart in the store as in Airflow. Users who may write XComs of a DAG must not read files of other
    runs, so a try in the directory of another run is rejected.

    Args:
        ti_key: the task instance and the number of the try.
        pipeline: current name of the pipeline; the run may have another one in the store.
        store: the store.

    Raises:
        UnknownAttemptError: the task named no try, or a try of another run.
        StoreError: the store cannot be read, or its record of the run is damaged.
    """
    instance = (ti_key.dag_id, ti_key.run_id, ti_key.task_id, ti_key.map_index)
    named, last = pushed(*instance, KEY), last_try(*instance)
    if named is None:  # it may have the results of an earlier execution
        named = pushed(*instance, RETURNED)
    if last is None:
        raise UnknownAttemptError("the task instance no longer exists in Airflow")
    if named is None:
        raise UnknownAttemptError(f"the task has not started its command: it has no XCom {KEY!r}")
    uri = named.get("manifest") if isinstance(named, dict) else None
    if not isinstance(uri, str):
        raise UnknownAttemptError(f"the XCom {KEY!r} of the task does not name a manifest")
    if not store.owns(uri):
        raise UnknownAttemptError(f"the task wrote to {redact(uri)}, and the store of this API server is {store.root}")
    try:
        key = store.key(uri)
    except StoreError as error:
        raise UnknownAttemptError(f"the task named {uri}: {error}") from error
    match = _FOLDER.fullmatch(key)
    if match is None or not _is_of_run(match, ti_key, pipeline, store):
        raise UnknownAttemptError(f"the task named {uri}, which does not belong to this run")
    number = ti_key.try_number + max(int(match["number"]) - last, 0)
    return f"{match['run']}/{match['execution']}/try-{number}"


def _is_of_run(folder: re.Match[str], ti_key: TaskInstanceKey, pipeline: str, store: Store) -> bool:
    """Return whether a directory is a run's, by its own record, because the pipeline may have been renamed."""
    try:
        owner = store.read_json(f"{folder['run']}/{OWNER}")
    except FileNotFoundError:
        return folder["pipeline"] == segment(pipeline)
    wanted = {"engine": "airflow", "dag_id": ti_key.dag_id, "run_id": ti_key.run_id}
    return isinstance(owner, dict) and all(owner.get(key) == value for key, value in wanted.items())


def leaves_manifest(operator: Any) -> bool:
    """Return whether tasks of an operator, as Airflow has stored it, leave a manifest."""
    ours = str(getattr(operator, "_task_module", "")).startswith("airflow_plugin.")
    return ours and operator.task_type in WITH_MANIFEST
