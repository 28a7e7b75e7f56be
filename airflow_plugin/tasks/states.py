"""End a task after its execution: report its state to Airflow, and whether it may retry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowTaskTimeout

from airflow_plugin.exceptions import ExecutionError, FinalExecutionError, Stopped

if TYPE_CHECKING:
    from collections.abc import Callable

    from translator.shim.contract import Manifest


def summary_of(execute: Callable[[], Manifest], *, retried: bool) -> dict[str, Any]:
    """Run an execution; return a bounded summary of its manifest.

    Args:
        execute: runs it.
        retried: whether the pipeline lets a failed execution be tried again.

    Raises:
        Stopped: the execution was stopped.
        FinalExecutionError: it failed and is not tried again, even if the deployment sets ``retries``.
        ExecutionError: it failed and is tried again, if Airflow has retries left: the pipeline lets it, or the
            infrastructure failed, so that the command is not to blame.
    """
    from translator.shim.contract import State
    from translator.shim.execution import OUT_OF_TIME
    from translator.shim.store.manifest import summary

    failure = ExecutionError if retried else FinalExecutionError
    try:
        manifest = execute()
    except AirflowTaskTimeout:
        raise failure(OUT_OF_TIME) from None
    if manifest.state is State.STOPPED:
        raise Stopped(f"stopped: {manifest.reason}")
    if manifest.state is not State.COMPLETE:
        if manifest.infrastructure:
            failure = ExecutionError
        raise failure(manifest.reason or "the execution failed")
    return summary(manifest)
