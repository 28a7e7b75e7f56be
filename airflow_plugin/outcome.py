"""The outcome of a run, from what Airflow knows of its tasks and what its executions left in the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_plugin.gates import left_out, unmet
from airflow_plugin.killed import let_killed_end
from airflow_plugin.nodes import nodes
from airflow_plugin.settings import run_id, store_uri
from translator.shim import clock, outcome, traces
from translator.shim.contract import State
from translator.shim.store import open_store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

    from airflow_plugin.nodes import Node
    from translator.shim.contract import Value
    from translator.shim.outcome import RunRecord

# An execution that Airflow calls so left no manifest only if its worker was killed, or if it never began.
_WITHOUT_MANIFEST = {"failed": State.ERROR, "success": State.ERROR, "skipped": State.STOPPED}


def finish(context: Context, parameters: Mapping[str, Value]) -> RunRecord:
    """Derive the states of a run's nodes and of the run, and write ``run.json``.

    Args:
        context: of the task that ends the run.
        parameters: the pipeline's parameters as they were in this run.
    """
    ti = context["ti"]
    pipeline = context["dag"].dag_display_name
    store = open_store(store_uri())
    let_killed_end(store, pipeline, run_id(context))
    states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id])[ti.run_id]
    of_dag = nodes(context["dag"]).values()
    out = left_out(context, nodes(context["dag"]), store)
    known = {}
    for node in of_dag:
        known[node.name] = {outcome.NODE: State.SKIPPED} if node.name in out else _executions(node, states)
        if node.sequential:
            left = traces.of_nodes(store, pipeline, run_id(context), [node.name], known)[node.name]
            known[node.name] = _in_order(known[node.name], left)
        was_skipped = any(states.get(task) == "skipped" for task in node.tasks)
        if node.only_if and not known[node.name] and was_skipped and unmet(context, node.only_if, store):
            known[node.name] = {outcome.NODE: State.SKIPPED}
    return outcome.finish(
        store,
        pipeline=pipeline,
        run=run_id(context),
        engine="airflow",
        nodes=[
            outcome.NodePlan(
                node.name,
                node.kind,
                node.on_error,
                node.on_child_error,
                [before for before in node.upstream if before not in out],
            )
            for node in of_dag
        ],
        started=clock.written(context["dag_run"].start_date or ti.start_date),
        parameters=parameters,
        known=known,
    )


def _executions(node: Node, states: Mapping[str, str]) -> dict[int, State]:
    """What Airflow knows of the executions of a node, by index, and of the node itself if it has none."""
    if any(states.get(task) == "failed" for task in node.tasks if task.endswith(".grid")):
        return {outcome.NODE: State.ERROR}
    if node.kind == "execution":
        state = _WITHOUT_MANIFEST.get(states.get(node.run, ""), State.STOPPED)
        return {0: state} if state is State.ERROR else {}
    found = {}
    for task, of_task in states.items():
        name, _, index = task.rpartition("_")
        if name == node.run and index.isdecimal() and of_task in _WITHOUT_MANIFEST:
            found[int(index)] = _WITHOUT_MANIFEST[of_task]
    if not found and states.get(node.run) == "skipped" and states.get(node.run.replace(".run", ".grid")) == "success":
        return {outcome.NODE: State.COMPLETE}  # its grid has no points
    return dict(sorted(found.items()))


def _in_order(found: Mapping[int, State], left: Sequence[traces.Trace]) -> dict[int, State]:
    """Of executions that run one after another, those after one in error are skipped, those after a stop are stopped.

    What Airflow says of them may be otherwise: it starts the next one before it ends all of a run that was stopped.
    """
    begun = [trace for trace in left if trace.tries] or left
    last = next((trace for trace in begun if trace.state in {State.ERROR, State.STOPPED}), None)
    if last is None:
        return dict(found)
    after = State.SKIPPED if last.state is State.ERROR else State.STOPPED
    return {index: after if index > last.index else state for index, state in found.items()}
