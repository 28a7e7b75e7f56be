"""Ask whether another process has begun a later attempt of a flow run, whose record must not be overwritten."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect import get_client, get_run_logger

from prefect_plugin.recovery import attempts
from prefect_plugin.run.stopping import Cause

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

    from prefect_plugin.run.run_state import Run


def has_later_attempt(run: Run, flow_run: FlowRun) -> bool:
    """Return whether another process has begun a later attempt; a run that could not set its labels cannot know."""
    return run.labelled and attempts.is_replaced(flow_run, run.started)


def is_replaced(run: Run) -> bool:
    """Ask the API whether another process has begun a later attempt."""
    if run.stop.cause is Cause.REPLACED:
        return True
    if not run.labelled:
        return False
    try:
        with get_client(sync_client=True) as client:
            now = client.read_flow_run(run.flow_run)
    except Exception as error:  # noqa: BLE001 - whatever the network does, the run has ended and must be recorded
        get_run_logger().warning("cannot ask whether a later attempt of the flow run has begun: %s", error)
        return False
    return has_later_attempt(run, now)
