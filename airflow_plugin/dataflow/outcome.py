"""Derive the outcome of a run from the states of its tasks in Airflow and the manifests in the store."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from airflow_plugin.configuration.locations import store_address
from airflow_plugin.dag.plan import plan_of, plans_of
from airflow_plugin.dataflow.unmet_conditions import first_unmet
from airflow_plugin.dataflow.upstream import complete
from airflow_plugin.parameters.run_conf import unknown_keys
from airflow_plugin.run.directory import run_directory
from airflow_plugin.run.mark import marked_failed, run_mark
from airflow_plugin.run.pipeline import pipeline_of
from airflow_plugin.run.waiting import let_killed_end
from airflow_plugin.tasks import batches
from airflow_plugin.tasks.effects import KEY as ACTIONS
from airflow_plugin.tasks.effects import effects
from airflow_plugin.tasks.instances import (
    REASON,
    existing_tasks,
    listed_states,
    lost_failures,
    named_tries,
    states_by_task,
    task_states,
)
from airflow_plugin.tasks.stop_condition import holds
from translator.shim import clock
from translator.shim.actions.effects import ending
from translator.shim.contract import State
from translator.shim.outcome import plans, run_record, traces
from translator.shim.outcome.traces import NODE, EngineState
from translator.shim.store import NoManifestError, StoreError, open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from airflow.sdk import Context

    from airflow_plugin.dag.conditions import Condition
    from airflow_plugin.dag.nodes import Node
    from airflow_plugin.dag.plan import NodePlan
    from airflow_plugin.run.mark import Mark
    from airflow_plugin.tasks.instances import States
    from translator.shim.actions.effects import Fired
    from translator.shim.contract import Manifest, Value
    from translator.shim.outcome.run_record import RunRecord
    from translator.shim.store import Store

LOST = "failed tasks that the DAG file of this worker lacks: {}; the run is in state error"
"""The warning about failures that the DAG file of the worker no longer explains."""
_FAILED = ("failed", "upstream_failed")
_STATES = {"success": State.COMPLETE, "failed": State.ERROR, "skipped": State.STOPPED, "running": State.STOPPED}


@dataclass(frozen=True, slots=True)
class EngineRun:
    """A run of a dataflow graph, as known to Airflow.

    Attributes:
        states: by task the states of its instances.
        tries: by task and map index the URIs that the instances of steps have named.
        params: the run's params.
        begun: whether anything could begin; false if the run was triggered with unknown parameters.
        reason: returns why the task of a grid failed.
        marked: by task the map indexes of instances that a person marked as failed while they ran.
        actions: by task that evaluates actions what it has pushed about them.
    """

    states: Mapping[str, States]
    tries: Mapping[str, Mapping[int, str]]
    params: Mapping[str, Any]
    begun: bool
    reason: Callable[[str], str | None]
    marked: Mapping[str, Collection[int]]
    actions: Mapping[str, Any] = field(default_factory=dict)


def finish(context: Context, parameters: Mapping[str, Value], warn: Callable[[str], None]) -> RunRecord:
    """Derive the states of a run's nodes and of the run, and write ``run.json``.

    A worker may have a newer version of the DAG file than the run. Nodes that only that version has are not part of the
    run. If a task failed that it lacks, the run failed.

    Args:
        context: of the task that ends the run.
        parameters: the pipeline's parameters as they were in this run.
        warn: told if the run and the DAG file do not have the same nodes.
    """
    dag, ti = context["dag"], context["ti"]
    store = open_store(store_address(dag.default_args))
    listed = listed_states(context)
    existing = existing_tasks(listed, dag.task_dict)
    plans = [plan for plan in plans_of(dag) if existing.intersection(plan.node.steps)]
    for plan in plans_of(dag):
        if plan not in plans:
            warn(f"node {plan.node.name} was added to the DAG file after this run had begun: it is not part of the run")
    mark, states = run_mark(context), states_by_task(listed, dag.task_dict)
    if lost := lost_failures(listed, dag.task_dict, _FAILED):
        warn(LOST.format(", ".join(lost)))
    if mark is not None:
        states = mark.before(states)
    ran = [step for plan in plans for step in plan.node.steps if _ran(states.get(step, {}))]
    seen = EngineRun(
        states=states,
        tries={task: named_tries(context, task, states[task]) for task in ran},
        params=context["params"],
        begun=unknown_keys(context) is None,
        reason=lambda grid: ti.xcom_pull(task_ids=grid, key=REASON),
        marked=marked_failed(context, states),
        actions={task: ti.xcom_pull(task_ids=task, key=ACTIONS) for plan in plans for task in plan.acting},
    )
    return write(
        store,
        plans,
        seen,
        pipeline=pipeline_of(dag),
        run=run_directory(context, store, [uri for of_task in seen.tries.values() for uri in of_task.values()]),
        started=clock.format_time(context["dag_run"].start_date or ti.start_date),
        parameters=parameters,
        marked=mark.state if mark is not None else None,
        ended=State.ERROR if lost else None,
    )


def write(  # noqa: PLR0913 - all that is known of a run
    store: Store,
    plans: Sequence[NodePlan],
    engine_run: EngineRun,
    *,
    pipeline: str,
    run: str,
    started: str,
    parameters: Mapping[str, Value],
    marked: Mark | None,
    ended: State | None = None,
) -> RunRecord:
    """Write ``run.json`` of a run of a dataflow graph.

    Args:
        store: the store.
        plans: the nodes.
        engine_run: what Airflow knows of the run.
        pipeline: name of the pipeline.
        run: name of the run in the store.
        started: when the run started.
        parameters: the pipeline's parameters as they were in this run.
        marked: how a person marked the run.
        ended: the state that Airflow gave the run, if that does not follow from the states of its nodes.
    """
    let_killed_end(store, pipeline, run, counting(engine_run.states, engine_run.tries))
    engine_run = _joined(plans, engine_run)

    def manifests(source: str) -> Sequence[Manifest]:
        task = next((plan.node.run for plan in plans if plan.node.name == source), "")
        return list(complete(store, engine_run.states.get(task, {}), engine_run.tries.get(task, {})))

    def is_unmet(conditions: Sequence[Condition]) -> bool:
        return first_unmet(conditions, engine_run.params, manifests) is not None

    out = {plan.node.name for plan in plans if plan.node.included_if and is_unmet(plan.node.included_if)}
    fired = {plan.node.name: _fired(plan, engine_run) for plan in plans if plan.acting}
    undecided = set()
    known = {}
    for plan in plans:
        node = plan.node
        if node.name in out:
            known[node.name] = {NODE: EngineState(State.SKIPPED)}
            continue
        states = known_of(plan, engine_run, store)
        if ending(fired.get(node.name, ())) is None and (task := _failed_acting(plan, engine_run, states)) is not None:
            undecided.add(node.name)
            states[NODE] = EngineState(State.ERROR, reason=f"the task {task!r} failed in Airflow: see its log")
        elif states == {NODE: EngineState(State.ERROR)}:
            reasons = (engine_run.reason(one) for one in _failed_choices(node, engine_run.states))
            states = {NODE: EngineState(State.ERROR, reason=next((why for why in reasons if why), None))}
        if node.sequential:
            states = _stopped_after_failure(states, traces.read(store, pipeline, run, {node.name: states})[node.name])
        was_skipped = any("skipped" in engine_run.states.get(task, {}).values() for task in node.tasks)
        if node.only_if and not states and was_skipped and is_unmet(node.only_if):
            states = {NODE: EngineState(State.SKIPPED)}
        known[node.name] = states
    # Nodes that the run does not have are as good as those that are not part of it.
    out |= {before for plan in plans for before in plan.node.upstream} - known.keys()
    ruled = [as_plan(plan.node, out) for plan in plans]
    # Airflow starts no downstream node then.
    ruled = [_blocking(node) if node.name in undecided else node for node in ruled]
    return run_record.finish(
        store,
        pipeline=pipeline,
        run=run,
        engine="airflow",
        # If nothing could begin, no rule of a node ignores that.
        nodes=ruled if engine_run.begun else [_unforgiving(node) for node in ruled],
        started=started,
        parameters=parameters,
        engine_states=known,
        fired=fired,
        marked=marked,
        ended=ended,
    )


def node_outcome(context: Context, node: Node, store: Store) -> tuple[State, Sequence[traces.Trace]]:
    """Return the state of a node whose step has ended, and its executions, as ``run.json`` will have them.

    Args:
        context: of a task of the node that runs after the step.
        node: the node.
        store: the store that the manifests are in.
    """
    dag, ti = context["dag"], context["ti"]
    plan = plan_of(dag, node)
    states = task_states(context)
    tries = {step: named_tries(context, step, states[step]) for step in node.steps if _ran(states.get(step, {}))}
    seen = EngineRun(
        states=states,
        tries=tries,
        params=context["params"],
        begun=True,
        reason=lambda grid: ti.xcom_pull(task_ids=grid, key=REASON),
        marked=marked_failed(context, {step: states.get(step, {}) for step in node.steps}),
    )
    known = known_of(plan, _joined([plan], seen), store)
    run = run_directory(context, store, [uri for of_step in tries.values() for uri in of_step.values()])
    of_node = traces.read(store, pipeline_of(dag), run, {node.name: known})[node.name]
    ended = [trace.state for trace in of_node] if any(trace.begun for trace in of_node) else []
    alone = replace(as_plan(node), upstream=())
    own = {node.name: known[NODE].state} if NODE in known else {}
    return run_record.node_states([alone], {node.name: ended}, own)[node.name], of_node


def _joined(plans: Sequence[NodePlan], engine_run: EngineRun) -> EngineRun:
    """Return what Airflow knows of a run, with the batches of a node as one task."""
    nodes = [plan.node for plan in plans]
    return replace(
        engine_run,
        states=batches.with_states(nodes, engine_run.states),
        tries=batches.with_values(nodes, engine_run.tries),
        marked=batches.with_indexes(nodes, engine_run.marked),
    )


def _failed_choices(node: Node, states: Mapping[str, States]) -> list[str]:
    """Return the tasks that should have decided the points of a node's executions, and failed."""
    return [task for task in node.choosing if states.get(task, {}).get(-1) == "failed"]


def _fired(plan: NodePlan, engine_run: EngineRun) -> list[Fired]:
    """Return the effects of a node's actions: first those before it started."""
    by_task = effects(plan.acting, engine_run.states, engine_run.actions.get)
    tasks = [task for task in (plan.node.starting, plan.node.done) if task in by_task]
    return [one for task in tasks if task is not None for one in by_task[task]]


def _failed_acting(plan: NodePlan, engine_run: EngineRun, executions: Mapping[int, EngineState]) -> str | None:
    """Return the task that evaluates actions of a node and failed although the node did not; None if there is none.

    It was lost, or a person marked it. Airflow also loses an answer to an approval that comes in the moment in which
    the task begins to wait for it.

    Args:
        plan: the node, of whose actions none ended the run.
        engine_run: the run.
        executions: what Airflow knows of the node and its executions.
    """
    node = plan.node
    failed = [task for task in plan.acting if engine_run.states.get(task, {}).get(-1) == "failed"]
    if node.starting in failed:
        return node.starting
    now = [execution.state for index, execution in executions.items() if index != NODE]
    return node.done if node.done in failed and _is_complete(plan, now) else None


def _blocking(plan: plans.NodePlan) -> plans.NodePlan:
    """Return a node whose failure lets no downstream node run."""
    return replace(plan, on_error="stop-next", on_child_error=None) if plan.on_error == "continue" else plan


def _unforgiving(plan: plans.NodePlan) -> plans.NodePlan:
    return replace(plan, on_error="stop-all", on_child_error=None)


def as_plan(node: Node, out: Collection[str] = ()) -> plans.NodePlan:
    """Return the description of a node that the rules of states need.

    Args:
        node: the node.
        out: the nodes that are not part of the run.
    """
    upstream = [before for before in node.upstream if before not in out]
    return plans.NodePlan(node.name, node.kind, node.on_error, node.on_child_error, upstream)


def counting(states: Mapping[str, States], tries: Mapping[str, Mapping[int, str]]) -> list[str]:
    """Return the URIs of the manifests of tries that may count, by the states of their instances."""
    return [
        of_task[index]
        for task, of_task in tries.items()
        for index, state in states.get(task, {}).items()
        if state in _STATES and index in of_task
    ]


def _ran(states: States) -> bool:
    """Return whether a task instance may have started an attempt."""
    return any(state in _STATES for state in states.values())


def known_of(plan: NodePlan, engine_run: EngineRun, store: Store) -> dict[int, EngineState]:
    """Return Airflow's knowledge of a node and, by index, of its executions.

    Args:
        plan: the node.
        engine_run: the run.
        store: the store that the manifests are in.
    """
    node, states = plan.node, engine_run.states
    tries, marked = engine_run.tries.get(node.run, {}), engine_run.marked.get(node.run, ())
    if _failed_choices(node, states):
        return {NODE: EngineState(State.ERROR)}
    grid = states.get(node.grid or "", {}).get(-1)
    of_run = states.get(node.run, {})
    if node.kind == "task" and of_run.get(-1) == "skipped" and grid == "success":
        return {NODE: EngineState(State.COMPLETE)}  # its grid has no points
    is_over = _is_over(node, of_run, tries, store)
    engine_states = {}
    for index, state in sorted(of_run.items()):
        if state not in _STATES or (index < 0) is (node.kind == "task"):
            continue
        manifest = tries.get(index)
        if state == "skipped":
            manifest = manifest if _was_stopped(plan, states, store, manifest) else None
            if manifest is None and node.kind == "execution":
                continue
        by_person = state == "failed" and index in marked
        not_started = state == "skipped" and manifest is None and is_over
        known = State.SKIPPED if not_started else _STATES[state]
        engine_states[max(index, 0)] = EngineState(known, manifest, marked=by_person)
    if engine_states and node.batches and not is_over:  # a search that was stopped has not chosen all of its executions
        engine_states = {index: engine_states.get(index, EngineState(State.STOPPED)) for index in range(node.count)}
    if _is_marked(plan, states, engine_states, store):
        engine_states[NODE] = EngineState(State.COMPLETE, marked=True)
    return engine_states


def _is_over(node: Node, states: States, tries: Mapping[int, str], store: Store) -> bool:
    """Return whether no more executions of a node start, because its ``stop-condition`` holds for one."""
    if node.stop_condition is None:
        return False
    manifests = []
    for index, state in states.items():
        with contextlib.suppress(StoreError):  # if it is damaged, its execution fails
            manifests += [store.manifest(tries[index])] if state == "success" and index in tries else []
    return holds(node.stop_condition, manifests)


def _was_stopped(plan: NodePlan, states: Mapping[str, States], store: Store, manifest: str | None) -> bool:
    """Return whether a skipped task instance was stopped after its start, rather than never started.

    Airflow does not start it if an upstream task did not succeed; then its XCom is from an earlier attempt.
    """
    if manifest is None:
        return False
    before = [state for above in plan.before for state in (states.get(above) or {-1: ""}).values()]
    if any(state != "success" for state in before):
        return False
    try:
        return store.manifest(manifest).state is State.STOPPED
    except NoManifestError:
        return True


def _is_marked(
    plan: NodePlan, states: Mapping[str, States], executions: Mapping[int, EngineState], store: Store
) -> bool:
    """Return whether a person marked a node: its last task succeeded without successful executions.

    If a person later marks executions as failed, a justified success stays, and does not count as a mark of the node.
    """
    if not plan.tells or states.get(plan.node.done or "", {}).get(-1) != "success":
        return False
    now = [execution.state for execution in executions.values()]
    if plan.passes_stopped and State.STOPPED in now and State.ERROR not in now:
        return False
    return not _is_complete(plan, now) and not _is_complete(
        plan, [_state_before_mark(one, store) for one in executions.values()]
    )


def _is_complete(plan: NodePlan, executions: Sequence[State]) -> bool:
    """Return whether a node is complete by its executions."""
    ruled = replace(as_plan(plan.node), upstream=())
    return bool(executions) and run_record.node_states([ruled], {ruled.name: executions})[ruled.name] is State.COMPLETE


def _state_before_mark(execution: EngineState, store: Store) -> State:
    """Return how an execution ended before a person marked it."""
    try:
        return store.manifest(execution.manifest).state if execution.manifest is not None else execution.state
    except StoreError:
        return execution.state


def _stopped_after_failure(
    engine_states: Mapping[int, EngineState], recorded: Sequence[traces.Trace]
) -> dict[int, EngineState]:
    """Skip the executions of a sequential node after a failed one, and stop those after a stop.

    Airflow's states may differ: when it stops a run, it may start the next execution before it ends all tasks.
    """
    begun = [trace for trace in recorded if trace.tries] or recorded
    last = next((trace for trace in begun if trace.state in {State.ERROR, State.STOPPED}), None)
    if last is None:
        return dict(engine_states)
    after = EngineState(State.SKIPPED if last.state is State.ERROR else State.STOPPED)
    return {index: after if index > last.index else state for index, state in engine_states.items()}
