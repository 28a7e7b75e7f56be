"""Call the flow of a pipeline once per combination of values, and show one summary of all runs.

The runs are subflow runs, one after another; each has its own record. The labels of the flow run name them, so that an
attempt that follows resumes them: what is complete does not run again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import get_client, get_run_logger
from prefect.artifacts import create_table_artifact
from prefect.context import FlowRunContext
from prefect.states import Completed

from prefect_plugin.embedded.arguments import arguments_of
from prefect_plugin.exceptions import OutsideRunError, RunFailedError
from prefect_plugin.run.matrix_run import MatrixRun, enter_matrix_run
from translator.shim.outcome import matrix

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from prefect import Flow, State

LABEL = "translator.matrix"
"""The start of the labels of a flow run that name the runs of the matrix by number."""


def run_each(flow: Flow[..., Any], runs: Sequence[Mapping[str, Any]]) -> State[Any]:
    """Call a flow once per combination of values, and return the state of the calling flow.

    Args:
        flow: the flow of a pipeline.
        runs: the values of each run, by ``NAME`` of a pipeline parameter or ``NODE.PARAMETER``.

    Raises:
        OutsideRunError: no flow calls it.
        RunFailedError: not all runs are complete. A failed run does not stop the others.
    """
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        raise OutsideRunError("call run_each in the body of a flow")
    own = context.flow_run
    logger = get_run_logger()

    def begun(matrix_run: MatrixRun) -> None:
        if matrix_run.run is not None:
            _label(own.id, matrix_run.number, matrix_run.run.id)

    earlier = _earlier(own.id) if own.run_count > 1 else {}
    rows = []
    for number, values in enumerate(runs):
        matrix_run = MatrixRun(number, earlier.get(number), begun)
        with enter_matrix_run(matrix_run):
            state: Any = flow(**arguments_of(flow, values), return_state=True)
        record = matrix_run.run.record if matrix_run.run is not None else None
        row = matrix.summary(
            values, matrix_run.run.id if matrix_run.run is not None else None, record.document if record else None
        )
        if state.is_crashed() or state.is_cancelled() or record is None:
            logger.warning("%s: %s", matrix.label(values), state.message)
        rows.append(row)
    *shown, count = matrix.lines(rows)
    for line in shown:
        logger.info(line)
    create_table_artifact([_cells(row) for row in rows], key="runs", description=count)
    if any(row["state"] != matrix.COMPLETE for row in rows):
        raise RunFailedError(count)
    return Completed(message=count)


def _cells(row: Mapping[str, Any]) -> dict[str, Any]:
    values = {name: matrix.value_text(value) for name, value in row["parameters"].items()}
    return {**values, "state": row["state"], "seconds": row["seconds"], **row["metrics"], "run": row["run"]}


def _label(flow_run: UUID, number: int, run: str) -> None:
    """Record in the labels of a flow run what a run of the matrix is called."""
    try:
        with get_client(sync_client=True) as client:
            client.update_flow_run_labels(flow_run, {f"{LABEL}.{number}": run})
    except Exception as error:  # noqa: BLE001 - only a retry needs them
        get_run_logger().warning("a retry will not keep what is complete in %s: %s", run, error)


def _earlier(flow_run: UUID) -> dict[int, str]:
    """Return by number the runs of the matrix in earlier attempts."""
    with get_client(sync_client=True) as client:
        labels = client.read_flow_run(flow_run).labels
    return {
        int(name.rpartition(".")[2]): str(run)
        for name, run in labels.items()
        if name.startswith(f"{LABEL}.") and name.rpartition(".")[2].isdecimal()
    }
