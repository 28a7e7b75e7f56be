"""Write ``run.json`` of a flow run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from prefect_plugin.recovery import attempts
from prefect_plugin.run.stopping import Cause
from translator.shim.outcome import run_record
from translator.shim.store import open_store

if TYPE_CHECKING:
    from prefect import State

    from prefect_plugin.run.run_state import Run
    from translator.shim.outcome.plans import NodePlan
    from translator.shim.outcome.run_record import RunRecord


def write_record(run: Run) -> RunRecord:
    """Write ``run.json`` from what is known of a run now."""
    store = open_store(run.store)
    for node in list(run.nodes.values()):
        if node.find_tries is not None and not node.states:  # it still waits for other machines
            node.tries.update(node.find_tries())
    record = run_record.finish(
        store,
        pipeline=run.pipeline,
        run=run.id,
        engine="prefect",
        nodes=planned(run),
        started=run.started,
        parameters=run.parameters,
        engine_states={name: node.engine_states() for name, node in list(run.nodes.items())},
        fired={name: node.fired for name, node in list(run.nodes.items())},
        graph=run.graph() if run.graph is not None else None,
        marked=_marked(run.stop.outside) if run.stop.cause is Cause.MARK else None,
    )
    run.record = record
    attempts.mark_recorded(run.flow_run)
    return record


def _marked(state: State[Any] | None) -> Literal["success", "failed"] | None:
    """Return how a state that somebody set marks a run; states that continue or cancel it do not mark it."""
    if state is None or not state.is_final() or state.is_cancelled():
        return None
    return "success" if state.is_completed() else "failed"


def planned(run: Run) -> list[NodePlan]:
    """Return the nodes that have been submitted or left out, in the order of the source file."""
    return [run.plans[name] for name in sorted(run.plans, key=run.places.__getitem__)]
