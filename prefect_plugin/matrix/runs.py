"""Call the flow of a pipeline once per combination of values, and show one summary of all runs.

The runs are subflow runs, one after another; each has its own record. The labels of the flow run name them, so that an
attempt that follows resumes them: what is complete does not run again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import State, get_client, get_run_logger
from prefect.artifacts import create_table_artifact
from prefect.context import FlowRunContext
from prefect.exceptions import Abort, Pause
from prefect.states import Cancelled, Completed, Paused

from prefect_plugin.embedded.arguments import arguments_of
from prefect_plugin.exceptions import OutsideRunError, RunFailedError
from prefect_plugin.run.matrix_run import MatrixRun, enter_matrix_run
from prefect_plugin.run.stopping import Cause, Stop, state_watched
from translator.shim.outcome import matrix

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from uuid import UUID

    from prefect import Flow

LABEL = "translator.matrix"
"""The start of the labels of a flow run that name the runs of the matrix by number."""


def run_each(flow: Flow[..., Any], runs: Sequence[Mapping[str, Any]]) -> State[Any]:
    """Call a flow once per combination of values, and return the state of the calling flow.

    If the calling flow run is cancelled, suspended or marked, the current run stops, and no others start.

    Args:
        flow: the flow of a pipeline.
        runs: the values of each run, by ``NAME`` of a pipeline parameter or ``NODE.PARAMETER``.

    Raises:
        OutsideRunError: no flow calls it.
        RunFailedError: not all runs are complete. A failed run does not stop the others.
        Pause: the calling flow run was suspended.
        Abort: it was reported as crashed, or another process has begun a later attempt.
    """
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        raise OutsideRunError("call run_each in the body of a flow")
    own, stop = context.flow_run.id, Stop()
    earlier = _earlier(own)
    with state_watched(stop, own, lambda _: False):
        rows = [_row(flow, MatrixRun(n, earlier.get(n), stop, _labels(own)), values) for n, values in enumerate(runs)]
    *shown, count = matrix.lines(rows)
    for line in shown:
        get_run_logger().info(line)
    create_table_artifact([_cells(row) for row in rows], key="runs", description=count)
    return _final_state(stop, count, is_complete=all(row["state"] == matrix.COMPLETE for row in rows))


def _row(flow: Flow[..., Any], matrix_run: MatrixRun, values: Mapping[str, Any]) -> dict[str, Any]:
    """Run the pipeline once, unless all runs are to stop; return what the summary says of it."""
    state: State[Any] | None = None
    reason = matrix_run.stop.reason
    if reason is None:
        try:
            with enter_matrix_run(matrix_run):
                state = flow(**arguments_of(flow, values), return_state=True)
        except Pause as pause:
            _show_suspended(matrix_run, pause)
            raise
        except Abort as abort:
            if matrix_run.run is None or matrix_run.run.stop.cause is not Cause.REPORT:
                raise
            reason = str(abort)  # somebody else says that this run crashed
    run = matrix_run.run
    record = run.record if run is not None else None
    if state is None or state.is_crashed() or state.is_cancelled() or record is None:
        message = reason if state is None else state.message
        get_run_logger().warning("%s: %s", matrix.label(values), message)
    return matrix.summary(values, run.id if run is not None else None, record.document if record else None)


def _final_state(stop: Stop, count: str, *, is_complete: bool) -> State[Any]:
    """Return the state of the calling flow run.

    Raises:
        RunFailedError: not all runs are complete.
        Pause: it was suspended.
        Abort: it was reported as crashed.
    """
    match stop.cause:
        case Cause.SUSPEND:
            raise Pause(state=stop.outside)
        case Cause.REPORT:
            raise Abort(stop.reason)
        case Cause.MARK if stop.outside is not None:
            return stop.outside.fresh_copy()
        case Cause.CANCEL if not is_complete:
            return Cancelled(message=count)
    if not is_complete:
        raise RunFailedError(count)
    return Completed(message=count)


def _show_suspended(matrix_run: MatrixRun, pause: Pause) -> None:
    """Show that a run is suspended with the calling flow run, which Prefect does not do; a resumption continues it."""
    if matrix_run.run is None or pause.state is None:
        return
    # Not ``Suspended``, which only flow runs of deployments can leave.
    state: State[Any] = Paused(pause_expiration_time=pause.state.state_details.pause_timeout, name=pause.state.name)
    try:
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(matrix_run.run.flow_run, state, force=True)
    except Exception as error:  # noqa: BLE001 - it has stopped, whatever the API shows
        get_run_logger().warning("cannot show that the run %s is suspended: %s", matrix_run.run.id, error)


def _cells(row: Mapping[str, Any]) -> dict[str, Any]:
    values = {name: matrix.value_text(value) for name, value in row["parameters"].items()}
    return {**values, "state": row["state"], "seconds": row["seconds"], **row["metrics"], "run": row["run"]}


def _labels(flow_run: UUID) -> Callable[[MatrixRun], None]:
    """Return a function that records in the labels of a flow run what a run of the matrix is called."""

    def label(matrix_run: MatrixRun) -> None:
        run = matrix_run.run
        if run is None:
            return
        try:
            with get_client(sync_client=True) as client:
                client.update_flow_run_labels(flow_run, {f"{LABEL}.{matrix_run.number}": run.id})
        except Exception as error:  # noqa: BLE001 - only a retry needs them
            get_run_logger().warning("a retry will not keep what is complete in %s: %s", run.id, error)

    return label


def _earlier(flow_run: UUID) -> dict[int, str]:
    """Return by number the runs of the matrix in earlier attempts."""
    with get_client(sync_client=True) as client:
        labels = client.read_flow_run(flow_run).labels
    return {
        int(name.rpartition(".")[2]): str(run)
        for name, run in labels.items()
        if name.startswith(f"{LABEL}.") and name.rpartition(".")[2].isdecimal()
    }
