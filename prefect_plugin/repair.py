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
    from collections.abc import Mapping

    from prefect.futures import PrefectFuture

PATIENCE_SECONDS = 10.0
"""How long to wait for task runs to be recorded, all together: the API learns of them from events, with a delay."""


def repair(nodes: Mapping[str, tuple[PrefectFuture[Any], str]]) -> None:
    """Set the state of each task run that never ran to Cancelled, named Skipped or Stopped.

    Args:
        nodes: by name of the node, its future, which has ended, and the node's state.
    """
    left = {name: node for name, node in nodes.items() if node[0].state.is_pending()}
    if not left:
        return
    deadline = time.monotonic() + PATIENCE_SECONDS
    with get_client(sync_client=True) as client:
        while True:
            for name, (future, state) in list(left.items()):
                made = (
                    skipped("a node before it did not complete")
                    if state == Outcome.SKIPPED
                    else stopped("the run stopped")
                )
                try:
                    client.set_task_run_state(future.task_run_id, made, force=True)
                    client.set_task_run_name(future.task_run_id, name)  # the node's own is set when it starts
                except Exception as error:  # noqa: BLE001 - the run has ended; what the API shows must not change that
                    if _is_not_recorded_yet(error):
                        continue
                    get_run_logger().warning("cannot show in the API that %r never ran: %s", name, error)
                del left[name]
            if not left or time.monotonic() > deadline:
                return
            time.sleep(0.1)


def _is_not_recorded_yet(error: Exception) -> bool:
    if isinstance(error, PrefectHTTPStatusError):
        return error.response.status_code == HTTPStatus.NOT_FOUND
    return isinstance(error, ObjectNotFound)
