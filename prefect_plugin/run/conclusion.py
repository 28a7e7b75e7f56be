"""End a flow run whose nodes have all ended: write its record, repair the API, and decide its state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import get_run_logger
from prefect.exceptions import Abort, Pause
from prefect.states import Cancelled, Completed

from prefect_plugin.exceptions import RunFailedError
from prefect_plugin.recovery import attempts
from prefect_plugin.recovery.repair import repair
from prefect_plugin.run import task_runs
from prefect_plugin.run.current import current_run
from prefect_plugin.run.record import planned, write_record
from prefect_plugin.run.replacement import is_replaced
from prefect_plugin.run.stopping import REPLACED, Cause
from prefect_plugin.tasks.states import STOPPED
from translator.shim.contract import State as Outcome

if TYPE_CHECKING:
    from prefect import State

    from prefect_plugin.run.run_state import Run
    from translator.shim.outcome.run_record import RunRecord


def finish() -> State[Any]:
    """Wait for all nodes that have been submitted, write ``run.json``, and return the state of the flow run.

    Raises:
        RunFailedError: the run failed, so that Prefect's own rules (retries, automations, hooks) apply.
    """
    run = current_run()
    attempts.write_attempt(
        run.store,
        attempts.Begun(
            pipeline=run.pipeline,
            run=run.id,
            started=run.started,
            parameters=run.parameters,
            nodes=planned(run),
            earlier=run.earlier_tries,
        ),
    )
    for future in run.futures.values():
        future.wait()
    return conclude(run)


def conclude(run: Run) -> State[Any]:
    """Write ``run.json`` of a run whose nodes have all ended, repair the API, and return the run's state.

    Raises:
        RunFailedError: the run failed.
        Pause: it was suspended.
        Abort: it was reported as crashed, or another process has begun a later attempt, which writes the record.
    """
    if is_replaced(run):
        get_run_logger().warning("%s, which writes its record and decides its state; this process ends", REPLACED)
        raise Abort(REPLACED)
    record = write_record(run)
    repair(task_runs.ends(run))
    return _final_state(run, record)


def _final_state(run: Run, record: RunRecord) -> State[Any]:
    """Return the state of a flow run that has ended.

    Raises:
        RunFailedError: it failed. It is raised, not returned, so that Prefect can run the flow again.
        Pause: it was suspended.
        Abort: it was reported as crashed. Prefect then keeps the state, also if a retry has changed it since.
    """
    outside = run.stop.outside
    nodes = record.document["nodes"]
    counts: dict[str, list[str]] = {}
    for name, node in nodes.items():
        counts.setdefault(node["state"], []).append(name)
    message = "; ".join(f"{state}: {', '.join(names)}" for state, names in counts.items())
    if run.stop.cause is Cause.ACTION:
        message = f"{run.stop.reason}; {message}"
    match run.stop.cause:
        case Cause.SUSPEND:
            raise Pause(state=outside)
        case Cause.REPORT:
            raise Abort(run.stop.reason)
        case Cause.MARK if outside is not None:
            return outside.fresh_copy()
        case Cause.CANCEL if record.state is not Outcome.COMPLETE:
            return Cancelled(message=message)
    if record.is_success:
        return Completed(name=None if record.state is Outcome.COMPLETE else STOPPED, message=message)
    raise RunFailedError(message)
