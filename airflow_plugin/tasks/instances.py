"""Find the attempt in the store for a task instance, and the instance's state in Airflow.

The store keeps all tries; only Airflow knows which of them count. So each execution pushes an XCom that names its try
before its command starts. One that has the results of an earlier execution runs no command; it is named by what its
task returns, because each XCom costs a request. Airflow deletes the XComs of an instance when it starts it again, and
keeps them when a task fails, is killed, or is marked by a person. It also keeps those of instances that are no more
(``removed``, after a cleared grid has become smaller) and of those that it has skipped since: what an XCom says counts
only together with the state of its instance.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from airflow.sdk import Context

KEY = "try"
"""The key of the XCom that names a try; its value has the URI of the manifest and the map index."""
RETURNED = "return_value"
"""The key of the XCom that Airflow pushes when a task has returned a value."""
REASON = "reason"
"""The key of the XCom that says why a grid could not be computed."""
STOPPED = "stopped"
"""The key of the XCom of a skipped task that says what stopped it: a failure, or an action of a node."""

States: TypeAlias = dict[int, str]
"""The states of the instances of a task by map index; -1 if the task is not mapped."""

ENDED = ("success", "failed", "skipped", "upstream_failed", "removed")
"""The states of an instance that no longer runs."""

MOST_NAMED = 40
"""The maximum number of tasks that a request names: more may not fit into a URL."""
_SHOWN = 10


def name_try(context: Context) -> Callable[[str], None]:
    """Return a function that reports to Airflow the manifest's URI of the try that has begun."""
    value = {"map_index": map_index(context)}
    return lambda uri: context["ti"].xcom_push(KEY, {"manifest": uri, **value})


def map_index(context: Context) -> int:
    """Return the map index of a task; -1 if it is not mapped."""
    index: int | None = context["ti"].map_index
    return index if index is not None else -1


def named_tries(context: Context, task_id: str, states: States) -> dict[int, str]:
    """Return by map index the manifest's URI of the last try that each instance of a task has named.

    One request suffices, unless some instances of a run that reuses results were successful and others were not.

    Args:
        context: of the task that asks.
        task_id: the task.
        states: of its instances.
    """
    wanted = successful(states)
    tries: dict[int, str] = {}
    # What instances return is longer, so ask for that first only if some are likely to have pushed nothing else.
    returned_first = len(wanted) == len(states) and _may_reuse(context, task_id)
    for key in (RETURNED, KEY) if returned_first else (KEY, RETURNED):
        tries = tries_of(context["ti"].xcom_pull(task_ids=task_id, key=key)) | tries
        if wanted <= tries.keys():
            break
    return tries


def successful(states: States) -> set[int]:
    """Return the map indexes of the instances of a task that were successful."""
    return {index for index, state in states.items() if state == "success"}


def _may_reuse(context: Context, task_id: str) -> bool:
    """Return whether the DAG file lets executions of a step have the results of earlier ones."""
    dag = context["dag"]
    task: Any = dag.get_task(task_id)
    own = task.partial_kwargs.get("reuse") if task.is_mapped else getattr(task, "reuse", None)
    return bool(own or dag.default_args.get("reuse"))


def tries_of(pulled: Any) -> dict[int, str]:
    """Return by map index the URIs in XComs; Airflow returns one XCom itself, and several as a sequence."""
    values = [pulled] if isinstance(pulled, Mapping) else [value for value in pulled or () if value]
    return dict(filter(None, map(named_try, values)))


def named_try(value: Any) -> tuple[int, str] | None:
    """Return the map index and the URI that an XCom names; None if it names none."""
    index, uri = (value.get("map_index"), value.get("manifest")) if isinstance(value, Mapping) else (None, None)
    return (index, uri) if isinstance(index, int) and isinstance(uri, str) else None


def task_states(context: Context, task_ids: Iterable[str] | None = None) -> dict[str, States]:
    """Return by task the states of its existing instances, with one request to Airflow.

    Args:
        context: of the task that asks.
        task_ids: the tasks to ask for (default: all tasks of the run).
    """
    return states_by_task(listed_states(context, task_ids), context["dag"].task_dict)


def listed_states(context: Context, task_ids: Iterable[str] | None = None) -> Mapping[str, str | None]:
    """Return the states of instances of the run as Airflow lists them, by task id and map index in one string.

    Args:
        context: of the task that asks.
        task_ids: the tasks whose instances must be among them (default: all tasks of the run).
    """
    ti = context["ti"]
    wanted = list(task_ids) if task_ids is not None else []
    # If they are too many for a URL, request all tasks.
    requested = wanted if 0 < len(wanted) <= MOST_NAMED else None
    listed: Mapping[str, str | None]
    listed = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id], task_ids=requested).get(ti.run_id, {})
    return listed


def count_in(ti: Any, states: Sequence[str], task_ids: Sequence[str] | None = None) -> int:
    """Return the number of instances of the run that are in some states.

    Args:
        ti: the task instance that asks.
        states: the states.
        task_ids: the tasks to ask for (default: all tasks of the run).
    """
    count: int = ti.get_ti_count(dag_id=ti.dag_id, run_ids=[ti.run_id], task_ids=task_ids, states=states)
    return count


def existing_tasks(listed: Mapping[str, str | None], tasks: Mapping[str, Any]) -> set[str]:
    """Return the tasks of a DAG that are part of a run: those with instances, even if these never started.

    Airflow does not create instances of tasks that were added to the DAG file after it has read that for the run.

    Args:
        listed: what Airflow lists of the run.
        tasks: all tasks of the DAG by id.
    """
    return {_instance(key, tasks)[0] for key in listed} & {*tasks}


def lost_failures(listed: Mapping[str, str | None], tasks: Mapping[str, Any], failed: Collection[str]) -> list[str]:
    """Return the failed tasks of a run that a DAG lacks, because the worker has a newer version of its file.

    Args:
        listed: what Airflow lists of the run.
        tasks: all tasks of the DAG by id.
        failed: the states that count as failed.
    """
    states = states_by_task(listed, tasks)
    return sorted(task for task in states.keys() - tasks.keys() if {*states[task].values()} & {*failed})


def states_by_task(listed: Mapping[str, str | None], tasks: Mapping[str, Any]) -> dict[str, States]:
    """Return by task and map index the states that Airflow lists by task id, or by the id, ``_`` and the index.

    Args:
        listed: what Airflow lists.
        tasks: all tasks of the DAG by id.
    """
    by_task: dict[str, States] = {}
    for key, state in listed.items():
        task, index = _instance(key, tasks)
        if state is not None and state != "removed":
            by_task.setdefault(task, {})[index] = state
    return by_task


def task_of(key: str, tasks: Mapping[str, Any]) -> str:
    """Return the id of the task that a key of Airflow stands for.

    Args:
        key: an instance, as Airflow lists it.
        tasks: all tasks of the DAG by id.
    """
    return _instance(key, tasks)[0]


def _instance(key: str, tasks: Mapping[str, Any]) -> tuple[str, int]:
    """Return the task and the map index that a key of Airflow stands for.

    ``train_0`` is an instance of ``train`` only if that is mapped; otherwise it is a task that the DAG file lacks.
    """
    name, _, index = key.rpartition("_")
    if key in tasks or not index.isdecimal() or name not in tasks or not tasks[name].get_needs_expansion():
        return key, -1
    return name, int(index)


def gone_for_good(context: Context, task_ids: Collection[str], length: int) -> str | None:
    """Return which instances of mapped tasks Airflow will not start although the list has entries for them, or None.

    Airflow marks instances as ``removed`` if its list is too short for them. It also does so with instances that were
    just cleared, if the run continues with a newer version of its DAG, because it uses the list of the previous
    attempt. If the new list is longer, it considers them created and leaves them: executions would be missing, and
    nothing would fail. They start when they are cleared once more.

    Args:
        context: of the task that created the list.
        task_ids: the mapped tasks after it.
        length: how many entries the list has.
    """
    ti = context["ti"]
    if ti.try_number <= 1 or not task_ids:
        return None
    listed = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id], task_ids=sorted(task_ids)).get(ti.run_id, {})
    indexes = {_instance(key, context["dag"].task_dict)[1] for key, state in listed.items() if state == "removed"}
    gone = sorted(index for index in indexes if 0 <= index < length)
    if not gone:
        return None
    shown = ", ".join(map(str, gone[:_SHOWN])) + (", ..." if len(gone) > _SHOWN else "")
    return (
        f"Airflow removed {shown} of {length}, because there were fewer before, and starts none of them: clear it again"
    )
