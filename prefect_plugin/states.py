"""Convert outcomes of executions and nodes to Prefect states."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect.states import Cancelled, Completed, Failed

from translator.shim.contract import State as Outcome

if TYPE_CHECKING:
    from prefect import State

    from translator.shim.contract import Manifest

STOPPED = "Stopped"
SKIPPED = "Skipped"
STOPPING = "the run stopped"
SKIPPING = "an upstream node did not complete"


def execution_state(manifest: Manifest) -> State[Manifest]:
    """Return the state of the task run that was an execution."""
    match manifest.state:
        case Outcome.COMPLETE:
            return Completed(data=manifest)
        case Outcome.ERROR:
            return Failed(message=manifest.reason or "the execution failed")
        case _:
            return stopped(manifest.reason or "stopped")


def stopped(reason: str) -> State[Manifest]:
    """Return the state of a task run that was stopped, or never started, because the run stops."""
    return Cancelled(name=STOPPED, message=reason)


def skipped(reason: str) -> State[Manifest]:
    """Return the state of a task run that was not run because an upstream node did not complete."""
    return Cancelled(name=SKIPPED, message=reason)
