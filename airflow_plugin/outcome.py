"""The outcome of a run, from what Airflow knows of its tasks now and what their executions left in the store."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_plugin.conf import unknown_keys
from airflow_plugin.gates import left_out, unmet
from airflow_plugin.killed import let_killed_end
from airflow_plugin.nodes import nodes
from airflow_plugin.owned import keep_plan, run_folder
from airflow_plugin.plan import plan_of
from airflow_plugin.run_mark import marked
from airflow_plugin.settings import store_uri
from airflow_plugin.tries import REASON, named_tries, task_states
from translator.shim import clock, outcome, traces
from translator.shim.contract import State
from translator.shim.outcome import NODE, EngineState
from translator.shim.store import NoManifestError, open_store

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from airflow.sdk import Context

    from airflow_plugin.nodes import Node
    from airflow_plugin.plan import NodePlan
    from airflow_plugin.tries import States
    from translator.shim.contract import Value
    from translator.shim.outcome import RunRecord
    from translator.shim.store import Store

_STATES = {"success": State.COMPLETE, "failed": State.ERROR, "skipped": State.STOPPED, "running": State.STOPPED}


def finish(context: Context, parameters: Mapping[str, Value]) -> RunRecord:
    """Derive the states of a run's nodes and of the run, and write ``run.json``.

    Args:
        context: of the task that ends the run.
        parameters: the pipeline's parameters as they were in this run.
    """
    dag, ti = context["dag"], context["ti"]
    store = open_store(store_uri())
    of_dag = nodes(dag)
    states = task_states(context)
    tries = {node.run: named_tries(context, node.run) for node in of_dag.values() if _ran(states.get(node.run, {}))}
    run = run_folder(context, store, [uri for of_task in tries.values() for uri in of_task.values()])
    keep_plan(context, store, run)
    let_killed_end(store, dag.dag_display_name, run, counting(states, tries))
    out = left_out(context, of_dag, store)
    begun = unknown_keys(context) is None  # else nothing ran, and no rule of a node forgives that
    known = {}
    for node in of_dag.values():
        if node.name in out:
            known[node.name] = {NODE: EngineState(State.SKIPPED)}
            continue
        known[node.name] = known_of(plan_of(dag, node), states, tries.get(node.run, {}), store)
        if known[node.name] == {NODE: EngineState(State.ERROR)}:
            reason = ti.xcom_pull(task_ids=f"{node.run.rpartition('.')[0]}.grid", key=REASON)
            known[node.name] = {NODE: EngineState(State.ERROR, reason=reason)}
        if node.sequential:
            found = traces.read(store, dag.dag_display_name, run, {node.name: known[node.name]})[node.name]
            known[node.name] = _in_order(known[node.name], found)
        was_skipped = any("skipped" in states.get(task, {}).values() for task in node.tasks)
        if node.only_if and not known[node.name] and was_skipped and unmet(context, node.only_if, store):
            known[node.name] = {NODE: EngineState(State.SKIPPED)}
    return outcome.finish(
        store,
        pipeline=dag.dag_display_name,
        run=run,
        engine="airflow",
        nodes=[as_plan(node, out) if begun else _unforgiving(as_plan(node, out)) for node in of_dag.values()],
        started=clock.written(context["dag_run"].start_date or ti.start_date),
        parameters=parameters,
        known=known,
        marked=marked(context),
    )


def _unforgiving(plan: outcome.NodePlan) -> outcome.NodePlan:
    return replace(plan, on_error="stop-all", on_child_error=None)


def as_plan(node: Node, out: Collection[str] = ()) -> outcome.NodePlan:
    """Return what the rules of states must know of a node.

    Args:
        node: the node.
        out: the nodes that are not part of the run.
    """
    upstream = [before for before in node.upstream if before not in out]
    return outcome.NodePlan(node.name, node.kind, node.on_error, node.on_child_error, upstream)


def counting(states: Mapping[str, States], tries: Mapping[str, Mapping[int, str]]) -> list[str]:
    """Return the URIs of the manifests of tries that may count, by the states of their instances."""
    return [
        of_task[index]
        for task, of_task in tries.items()
        for index, state in states.get(task, {}).items()
        if state in _STATES and index in of_task
    ]


def _ran(states: States) -> bool:
    """Whether an instance of a task may have begun a try."""
    return any(state in _STATES for state in states.values())


def known_of(
    plan: NodePlan, states: Mapping[str, States], tries: Mapping[int, str], store: Store
) -> dict[int, EngineState]:
    """Return what Airflow knows of the executions of a node, by index, and of the node itself.

    Args:
        plan: the node.
        states: by task the states of its instances.
        tries: by map index the URIs that the instances of its step have named.
        store: the store that the manifests are in.
    """
    node = plan.node
    grids = [states.get(task, {}).get(-1) for task in node.tasks if task.endswith(".grid")]
    if "failed" in grids:
        return {NODE: EngineState(State.ERROR)}
    of_run = states.get(node.run, {})
    if node.kind == "task" and of_run.get(-1) == "skipped" and "success" in grids:
        return {NODE: EngineState(State.COMPLETE)}  # its grid has no points
    found = {}
    for index, state in sorted(of_run.items()):
        if state not in _STATES or (index < 0) is (node.kind == "task"):
            continue
        named = tries.get(index)
        if state == "skipped":
            named = named if _was_stopped(plan, states, store, named) else None
            if named is None and node.kind == "execution":
                continue
        found[max(index, 0)] = EngineState(_STATES[state], named)
    if _is_marked(plan, states, found):
        found[NODE] = EngineState(State.COMPLETE, marked=True)
    return found


def _was_stopped(plan: NodePlan, states: Mapping[str, States], store: Store, named: str | None) -> bool:
    """Whether an instance that is skipped began a try and was stopped, or Airflow skipped it without starting it.

    Then its XCom is of an earlier attempt. Airflow does so where a task before it did not succeed.
    """
    if named is None:
        return False
    before = [state for above in plan.before for state in (states.get(above) or {-1: ""}).values()]
    if any(state != "success" for state in before):
        return False
    try:
        return store.manifest(named).state is State.STOPPED
    except NoManifestError:
        return True


def _is_marked(plan: NodePlan, states: Mapping[str, States], executions: Mapping[int, EngineState]) -> bool:
    """Whether a person called a node complete: its last task is a success that its executions are none for."""
    node = plan.node
    if not plan.tells or states.get(plan.done or "", {}).get(-1) != "success":
        return False
    ended = [execution.state for execution in executions.values()]
    ruled = replace(as_plan(node), upstream=())
    return not ended or outcome.node_states([ruled], {node.name: ended})[node.name] is not State.COMPLETE


def _in_order(known: Mapping[int, EngineState], found: Sequence[traces.Trace]) -> dict[int, EngineState]:
    """Of executions that run one after another, those after one in error are skipped, those after a stop are stopped.

    What Airflow says of them may be otherwise: it starts the next one before it ends all of a run that was stopped.
    """
    begun = [trace for trace in found if trace.tries] or found
    last = next((trace for trace in begun if trace.state in {State.ERROR, State.STOPPED}), None)
    if last is None:
        return dict(known)
    after = EngineState(State.SKIPPED if last.state is State.ERROR else State.STOPPED)
    return {index: after if index > last.index else state for index, state in known.items()}
