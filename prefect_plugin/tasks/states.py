"""Convert outcomes of executions and nodes to Prefect states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect.states import Cancelled, Completed, Failed

from translator.shim.contract import Manifest
from translator.shim.contract import State as Outcome
from translator.shim.errors import TranslatorError
from translator.shim.store.manifest import reused_name

if TYPE_CHECKING:
    from prefect import State

BROKEN = "InfrastructureFailed"
"""The name of the state of an execution that failed although its command is not to blame."""
CACHED = "Cached"
"""What Prefect calls the state of a task run whose result is an earlier one's."""
STOPPED = "Stopped"
SKIPPED = "Skipped"
STOPPING = "the run stopped"
SKIPPING = "an upstream node did not complete"


class ExecutionError(TranslatorError):
    """Brings the manifest of an execution that is not complete from another machine.

    Prefect logs the data of such states; a manifest may list ten thousands of outputs.
    """

    def __init__(self, manifest: Manifest) -> None:
        super().__init__(manifest.reason or manifest.state.value)
        self.manifest = manifest

    def __reduce__(self) -> tuple[Any, ...]:
        return ExecutionError, (self.manifest,)


def execution_state(manifest: Manifest, *, travels: bool = False) -> State[Manifest]:
    """Return the state of the task run that was an execution.

    Args:
        manifest: that of the execution.
        travels: whether the state brings the manifest to another machine, also if the execution is not complete.
    """
    match manifest.state:
        case Outcome.COMPLETE:
            return complete(manifest, manifest)
        case Outcome.ERROR:
            return failed(manifest, ExecutionError(manifest) if travels else None)
        case _:
            return stopped(manifest.reason or "stopped", ExecutionError(manifest) if travels else None)


def complete(manifest: Manifest, data: Any) -> State[Any]:
    """Return the state of the task run of a complete execution; one with the results of another is called Cached.

    Args:
        manifest: that of the execution.
        data: the state's data.
    """
    if not manifest.reused:
        return Completed(data=data)
    return Completed(name=CACHED, message=f"reused from {reused_name(manifest)}", data=data)


def manifest_of(state: State[Any]) -> Manifest | None:
    """Return the manifest that a state brought from another machine."""
    if not state.is_final() or state.data is None:
        return None
    result = state.result(raise_on_failure=False)
    if isinstance(result, ExecutionError):
        return result.manifest
    return result if isinstance(result, Manifest) else None


def failed(manifest: Manifest, data: Any = None) -> State[Any]:
    """Return the state of the task run of an execution that failed.

    Args:
        manifest: that of the execution.
        data: the state's data.
    """
    name = BROKEN if manifest.infrastructure else None
    return Failed(name=name, message=manifest.reason or "the execution failed", data=data)


def infrastructure_failed(task: Any, task_run: Any, state: State[Any]) -> bool:  # noqa: ARG001 - as Prefect calls it
    """Return whether an execution failed for a reason that is not its command: then it is worth another try.

    It is the ``retry_condition_fn`` of tasks whose retries are for the worker and the artifact store.
    """
    return state.name == BROKEN


def stopped(reason: str, data: ExecutionError | None = None) -> State[Manifest]:
    """Return the state of a task run that was stopped, or never started, because the run stops."""
    return Cancelled(name=STOPPED, message=reason, data=data)


def skipped(reason: str) -> State[Manifest]:
    """Return the state of a task run that was not run because an upstream node did not complete."""
    return Cancelled(name=SKIPPED, message=reason)
