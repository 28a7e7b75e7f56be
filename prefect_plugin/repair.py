"""Gives nodes that never ran a final state in Prefect's API.

Prefect leaves a task run whose upstream did not complete in ``PENDING/NotReady`` for ever, which the UI draws as an
endless bar. The repair is for eyes only: nothing of ours reads these states.
"""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from prefect import get_client, get_run_logger
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

from prefect_plugin.states import skipped, stopped
from translator.shim.contract import State as Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prefect.client.orchestration import SyncPrefectClient
    from prefect.futures import PrefectFuture

PATIENCE_SECONDS = 10.0
"""How long to wait for task runs to be recorded, all together: the API learns of them from events, with a delay."""


def repair(nodes: Iterable[tuple[str, PrefectFuture[Any], str]]) -> None:
    """Give each task run that never ran its node's name, and the state Cancelled, called Skipped or Stopped.

    Args:
        nodes: of each node its name, its future, which has ended, and the node's state.
    """
    left = [node for node in nodes if node[1].state.is_pending()]
    if not left:
        return
    deadline = time.monotonic() + PATIENCE_SECONDS
    try:
        with get_client(sync_client=True) as client:
            while left and time.monotonic() < deadline:
                left = [node for node in left if not _is_repaired(client, *node)]
                if left:
                    time.sleep(0.1)
    except Exception as error:  # noqa: BLE001 - the run has ended; what the API shows must not change that
        get_run_logger().warning("cannot show in the API which nodes never ran: %s", error)


def _is_repaired(client: SyncPrefectClient, name: str, future: PrefectFuture[Any], state: str) -> bool:
    """Repair a task run, if the API knows it already."""
    made = skipped("a node before it did not complete") if state == Outcome.SKIPPED else stopped("the run stopped")
    try:
        client.set_task_run_state(future.task_run_id, made, force=True)
        client.set_task_run_name(future.task_run_id, name)  # else it is named when it starts
    except ObjectNotFound:
        return False
    except PrefectHTTPStatusError as error:
        if error.response.status_code == HTTPStatus.NOT_FOUND:
            return False
        raise
    return True
