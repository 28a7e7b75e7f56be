"""Derive the states of executions, nodes and the run from what the engine knows, and write ``run.json``.

The engine says which executions there are, and their manifests how they ended (``translator.shim.outcome.traces``). The
states of nodes and of the run follow from those by the rules of docs/semantics.md; of a control-flow graph by
``translator.shim.outcome.controlflow``. A state that a person set counts more than what follows from the rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from translator.shim.actions.effects import ending, from_documents
from translator.shim.clock import now
from translator.shim.contract import State
from translator.shim.embedded import events
from translator.shim.json_values.storable import sane, text
from translator.shim.outcome import controlflow, earlier_run, rejected, traces
from translator.shim.outcome.traces import NODE, EngineState
from translator.shim.store import RUN, Store, key_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from translator.shim.actions.effects import Fired
    from translator.shim.outcome.plans import GraphPlan, NodePlan


@dataclass(frozen=True, slots=True)
class RunRecord:
    """The end of a run: its state, the document of ``run.json``, and its location."""

    state: State
    document: Mapping[str, Any]
    uri: str

    @property
    def is_success(self) -> bool:
        """Whether the run is a success for the engine; see ``is_success``."""
        return is_success(self.document)


def is_success(document: Mapping[str, Any]) -> bool:
    """Return whether a run is a success for the engine: it is complete, or an action of a node stopped it.

    Args:
        document: ``run.json``.
    """
    state = State(document["state"])
    if state is not State.STOPPED or "marked" in document:
        return state is State.COMPLETE
    fired = (from_documents(node.get("actions", ())) for node in document["nodes"].values())
    return any(ending(of_node) is not None for of_node in fired)


def finish(  # noqa: PLR0913 - all that an engine knows of a run
    store: Store,
    *,
    pipeline: str,
    run: str,
    engine: str,
    started: str,
    parameters: Mapping[str, object],
    engine_states: Mapping[str, Mapping[int, EngineState]],
    nodes: Sequence[NodePlan] = (),
    graph: GraphPlan | None = None,
    fired: Mapping[str, Sequence[Fired]] = MappingProxyType({}),
    marked: Literal["success", "failed"] | None = None,
    ended: State | None = None,
) -> RunRecord:
    """Derive how a run ended and write ``run.json``.

    Args:
        store: where the run's manifests are.
        pipeline: name of the pipeline.
        run: id of the run.
        engine: name of the engine.
        started: when the run started, ISO-8601 in UTC.
        parameters: the pipeline's parameters as used; for a control-flow graph, those at its start.
        engine_states: by node (in a control-flow graph: by path) and index the states of executions now, as the engine
            knows them. Executions that are missing here do not exist. Index ``NODE`` is the node itself, if it has no
            executions, a person marked it, or it failed although its executions did not.
        nodes: the nodes of a dataflow graph, in the order of the source file.
        graph: the control-flow graph, instead of ``nodes``.
        fired: by node of a dataflow graph the effects of its actions.
        marked: how a person marked the run in the engine.
        ended: the state that the engine gave the run, if that does not follow from the states of its nodes.

    Raises:
        StoreError: the store cannot be read or written.
    """
    head = {"pipeline": pipeline, "run": run, "engine": engine}
    times = {"started": started, "ended": now()}
    traced = traces.read(store, pipeline, run, engine_states)
    _reject(store, traced)
    if graph is None:
        state, documents = _of_nodes(nodes, traced, engine_states, fired)
        more: dict[str, object] = {"parameters": sane(dict(parameters)), "nodes": documents}
    else:
        record = controlflow.follow(graph, {path: of_path[0] for path, of_path in traced.items() if of_path})
        state = record.state
        more = {
            "parameters": sane(dict(parameters) if record.scope is None else record.scope.parameters),
            "nodes": record.nodes,
            "catalog": controlflow.catalog(record.scope),
        }
    state = ended or _as_marked(state, marked)
    by_person = {"marked": marked} if marked is not None else {}
    earlier = earlier_run.recorded(store, pipeline, run)
    source = {"earlier_run": earlier} if earlier is not None else {}
    document = {**head, "state": state.value, **by_person, **times, **source, **more}
    key = key_of(pipeline, run, name=RUN)
    store.write_json(key, document)
    events.emit("run-ended", state=state.value)
    return RunRecord(state, document, store.uri(key))


def _reject(store: Store, traced: Mapping[str, Sequence[traces.Trace]]) -> None:
    """Let no other run have the results of executions that a person marked as failed, until the mark is gone.

    Raises:
        StoreError: the store cannot be written.
    """
    for trace in (trace for of_node in traced.values() for trace in of_node):
        if trace.manifest is None or trace.is_marked_failed is trace.rejected:
            continue
        change = rejected.mark if trace.is_marked_failed else rejected.unmark
        for uri in filter(store.owns, (trace.manifest.uri, trace.manifest.reused)):
            change(store, uri)


def mark(store: Store, uri: str, marked: Literal["success", "failed"]) -> None:
    """Record in a ``run.json`` that a person marked the run after its end.

    Args:
        store: the store that it is in.
        uri: where it is.
        marked: how the person marked the run.

    Raises:
        StoreError: it cannot be read or written.
        FileNotFoundError: it no longer exists.
    """
    key = store.key(uri)
    document = store.read_json(key)
    state = _as_marked(State(document["state"]), marked)
    changed = {"state": state.value, "marked": marked}
    head = {name: document[name] for name in ("pipeline", "run", "engine")}
    store.write_json(key, {**head, **changed, **{n: value for n, value in document.items() if n not in changed}})


def _as_marked(state: State, marked: Literal["success", "failed"] | None) -> State:
    if marked == "success":
        return State.COMPLETE
    return State.ERROR if marked == "failed" and state is State.COMPLETE else state


def _of_nodes(
    nodes: Sequence[NodePlan],
    traced: Mapping[str, Sequence[traces.Trace]],
    engine_states: Mapping[str, Mapping[int, EngineState]],
    fired: Mapping[str, Sequence[Fired]],
) -> tuple[State, dict[str, object]]:
    """Return the state of a dataflow run, and the nodes for ``run.json``."""
    traces_by_node = {node.name: traced.get(node.name, ()) for node in nodes}
    traces_by_node = {
        name: of_node if any(trace.begun for trace in of_node) else () for name, of_node in traces_by_node.items()
    }
    ended = {name: [trace.state for trace in of_node] for name, of_node in traces_by_node.items()}
    engine = {name: of_node[NODE] for name, of_node in engine_states.items() if NODE in of_node}
    marked = {name for name, of_node in engine.items() if of_node.marked}
    own = {
        name: of_node.state
        for name, of_node in engine.items()
        if name in marked or of_node.state is State.ERROR or not ended.get(name)
    }
    states = node_states(nodes, ended, own)
    state = run_state(
        nodes,
        states,
        {name: () if name in marked else of_node for name, of_node in ended.items()},
        [effect.ends for of_node in fired.values() for effect in of_node if effect.ends is not None],
    )
    documents: dict[str, object] = {}
    for node in nodes:
        by_person = {"marked": "success"} if node.name in marked and states[node.name] is State.COMPLETE else {}
        reason = engine[node.name].reason if node.name in engine and states[node.name] is State.ERROR else None
        why = {"reason": text(reason)} if reason is not None else {}
        executions = [trace.document() for trace in traces_by_node[node.name]]
        documents[node.name] = {
            "kind": node.kind,
            "state": states[node.name].value,
            **by_person,
            **why,
            **({"actions": [one.document() for one in fired[node.name]]} if fired.get(node.name) else {}),
            "executions": executions,
        }
    return state, documents


def node_states(
    nodes: Sequence[NodePlan], executions: Mapping[str, Sequence[State]], own: Mapping[str, State] | None = None
) -> dict[str, State]:
    """Return the state of each node.

    Args:
        nodes: all nodes of the run.
        executions: by node the states of its executions; empty for a node that never started.
        own: by node its own state, if that does not follow from its executions.
    """
    plans = {node.name: node for node in nodes}
    states: dict[str, State] = {}
    waiting = [node.name for node in reversed(nodes)]
    while waiting:
        node = plans[waiting[-1]]
        upstream = [plans[name] for name in node.upstream if name in plans]
        unknown = [one.name for one in upstream if one.name not in states]
        if unknown and node.name not in states:
            waiting.extend(unknown)
            continue
        waiting.pop()
        ended = executions.get(node.name, ())
        if own and node.name in own:
            states[node.name] = own[node.name]
        elif ended:
            states[node.name] = _of_executions(node, ended)
        else:
            blocked = any(_blocks(one, states[one.name]) for one in upstream)
            states[node.name] = State.SKIPPED if blocked else State.STOPPED
    return states


def run_state(
    nodes: Sequence[NodePlan],
    states: Mapping[str, State],
    executions: Mapping[str, Sequence[State]],
    ends: Collection[State] = (),
) -> State:
    """Return the state of the run: error after an unhandled failure, else stopped if it was interrupted.

    Args:
        nodes: all nodes of the run.
        states: the state of each node.
        executions: by node the states of its executions.
        ends: the states that actions of nodes give the run.
    """
    if State.ERROR in ends or any(states[node.name] is State.ERROR and not _goes_on(node) for node in nodes):
        return State.ERROR
    cut = any(
        State.STOPPED in executions.get(node.name, ()) and node.on_child_error != "stop-all-and-error" for node in nodes
    )
    return State.STOPPED if cut or ends or State.STOPPED in states.values() else State.COMPLETE


def _of_executions(node: NodePlan, ended: Sequence[State]) -> State:
    if _forgives(node) and (State.STOPPED in ended or State.COMPLETE in ended):
        return State.STOPPED if State.STOPPED in ended else State.COMPLETE
    if State.ERROR in ended:
        return State.ERROR
    return State.STOPPED if State.STOPPED in ended else State.COMPLETE


def _forgives(node: NodePlan) -> bool:
    """Return whether a node is complete if at least one of its executions is."""
    if node.kind == "execution":
        return False
    if node.on_child_error is not None:
        return node.on_child_error == "continue-and-complete"
    return node.on_error == "continue"


def _goes_on(node: NodePlan) -> bool:
    """Return whether downstream nodes run after the node fails, and the run does not fail."""
    return node.on_error == "continue" and not _forgives(node)


def _blocks(node: NodePlan, state: State) -> bool:
    """Return whether a node causes downstream nodes to be skipped."""
    if state is not State.ERROR:
        return state is State.SKIPPED
    return node.on_error in {"stop-next", "continue"} and not _goes_on(node)
