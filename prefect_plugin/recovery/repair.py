"""Give task runs that never ended a final state in Prefect's API.

Prefect leaves a task run whose upstream did not complete in ``PENDING/NotReady`` for ever, and those of a flow process
that was killed in ``RUNNING``; the UI draws both as endless bars. The repair is for eyes only: nothing of ours reads
these states.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from prefect import State, get_client, get_run_logger
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.settings import PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_ENABLED
from prefect.states import Crashed

from prefect_plugin.tasks.display_names import flat
from prefect_plugin.tasks.futures import is_left_open

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import TaskRun
    from prefect.futures import PrefectFuture

PATIENCE_SECONDS = 10.0
"""How long to wait in total for task runs to be recorded: the API learns of them from events, with a delay."""
_UNNAMED = re.compile(r"-[0-9a-f]{3}$")
"""The suffix that Prefect adds to the name of a task that has not started."""
PAGE = 200
"""The number of task runs per request."""


@dataclass(frozen=True, slots=True)
class TaskRunEnd:
    """The name and the final state to show for a task run."""

    name: str
    future: PrefectFuture[Any]
    state: State[Any]


def repair(ends: Iterable[TaskRunEnd]) -> None:
    """Give each task run that Prefect left open its name and its state; a task run that never ran has no name yet.

    A server that records no task runs, as the private one of ``prefect_plugin.embedded``, has none to repair.
    """
    if not PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_ENABLED.value():
        return
    still_open = [end for end in ends if is_left_open(end.future)]
    if not still_open:
        return
    deadline = time.monotonic() + PATIENCE_SECONDS
    try:
        with get_client(sync_client=True) as client:
            while still_open and time.monotonic() < deadline:
                still_open = [end for end in still_open if not _is_repaired(client, end)]
                if still_open:
                    time.sleep(0.1)
    except Exception as error:  # noqa: BLE001 - the run has ended, whatever the API shows
        get_run_logger().warning("cannot show in the API which nodes never ran: %s", error)


def close_earlier_attempts(flow_run: UUID) -> frozenset[str]:
    """Give the task runs that earlier attempts of a flow run left open the state Crashed.

    Call it before the current attempt submits a task: then all task runs that the API knows are of earlier attempts.

    Returns:
        The names of the task runs that are failed now, because they failed, or because a person set this state.
    """
    failed: dict[str, bool] = {}
    try:
        with get_client(sync_client=True) as client:
            for task_run in _task_runs(client, flow_run):
                if task_run.state is not None and task_run.state.is_final():
                    failed[task_run.name] = task_run.state.is_failed()
                    continue
                ended: State[Any] = Crashed(message="the flow process ended before this task run did")
                client.set_task_run_state(task_run.id, ended, force=True)
                if task_run.start_time is None:  # otherwise it has its name
                    client.set_task_run_name(task_run.id, _UNNAMED.sub("", task_run.name))
    except Exception as error:  # noqa: BLE001 - old task runs in the API must not keep the run from starting
        get_run_logger().warning("cannot end the task runs of earlier attempts in the API: %s", error)
    return frozenset(name for name, is_failed in failed.items() if is_failed)


def _task_runs(client: SyncPrefectClient, flow_run: UUID) -> list[TaskRun]:
    """Return the task runs of a flow run, in the order in which they started."""
    of_run = FlowRunFilter(id=FlowRunFilterId(any_=[flow_run]))
    task_runs: list[TaskRun] = []
    while page := client.read_task_runs(flow_run_filter=of_run, limit=PAGE, offset=len(task_runs)):
        task_runs += page
    return sorted(task_runs, key=lambda one: str(one.start_time or ""))


def _is_repaired(client: SyncPrefectClient, end: TaskRunEnd) -> bool:
    """Repair a task run, if the API knows it already."""
    state: State[Any] = State(type=end.state.type, name=end.state.name, message=end.state.message)
    try:
        client.set_task_run_state(end.future.task_run_id, state, force=True)
        client.set_task_run_name(end.future.task_run_id, flat(end.name))
    except ObjectNotFound:
        return False
    except PrefectHTTPStatusError as error:
        if error.response.status_code == HTTPStatus.NOT_FOUND:
            return False
        raise
    return True
