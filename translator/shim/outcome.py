"""How a run ended: the states of its executions, nodes and of itself, from what is in the store; writes ``run.json``.

The manifests say how executions ended (``translator.shim.traces``). The states of nodes and of the run follow from
those by the rules of design.md, "Semantics", and of docs/semantics.md; of a routed graph by ``translator.shim.routed``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from translator.shim import events, routed, traces
from translator.shim.clock import now
from translator.shim.contract import State
from translator.shim.manifest import sane
from translator.shim.plans import CompositePlan, GraphPlan, NodePlan
from translator.shim.store import RUN, Store, key_of
from translator.shim.traces import LOST, NODE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["LOST", "NODE", "CompositePlan", "GraphPlan", "NodePlan", "RunRecord", "finish", "node_states", "run_state"]


@dataclass(frozen=True, slots=True)
class RunRecord:
    """How a run ended: its state, the document of ``run.json``, and where that is."""

    state: State
    document: Mapping[str, Any]
    uri: str


def finish(  # noqa: PLR0913 - what an engine knows of a run
    store: Store,
    *,
    pipeline: str,
    run: str,
    engine: str,
    started: str,
    parameters: Mapping[str, object],
    known: Mapping[str, Mapping[int, State]],
    nodes: Sequence[NodePlan] = (),
    graph: GraphPlan | None = None,
) -> RunRecord:
    """Derive how a run ended and write ``run.json``.

    Args:
        store: where the run's manifests are.
        pipeline: name of the pipeline.
        run: id of the run.
        engine: name of the engine.
        started: when the run started, ISO-8601 in UTC.
        parameters: the pipeline's parameters, as they were used; those of a routed graph when it began.
        known: by node (in branches: by path) and index how executions ended that may have left no manifest: killed
            with their worker (error), or never started (stopped). A manifest wins over it. Index ``NODE`` is the node
            itself.
        nodes: the nodes of a dataflow graph, in the order of the source file.
        graph: the routed graph, instead of ``nodes``.

    Raises:
        StoreError: the store cannot be read or written.
    """
    head = {"pipeline": pipeline, "run": run, "engine": engine}
    times = {"started": started, "ended": now()}
    if graph is None:
        found = traces.of_nodes(store, pipeline, run, [node.name for node in nodes], known)
        ended = {name: [one.state for one in of_node] for name, of_node in found.items()}
        own = {name: of_node[NODE] for name, of_node in known.items() if NODE in of_node}
        states = node_states(nodes, ended, own)
        state = run_state(nodes, states, ended)
        documents = {
            node.name: {
                "kind": node.kind,
                "state": states[node.name].value,
                "executions": [one.document() for one in found[node.name]],
            }
            for node in nodes
        }
        more: dict[str, object] = {"parameters": sane(dict(parameters)), "nodes": documents}
    else:
        record = routed.follow(graph, traces.by_path(store, pipeline, run, known), known)
        state = record.state
        more = {
            "parameters": sane(dict(parameters) if record.scope is None else record.scope.parameters),
            "nodes": record.nodes,
            "catalog": routed.catalog(record.scope),
        }
    document = {**head, "state": state.value, **times, **more}
    key = key_of(pipeline, run, name=RUN)
    store.write_json(key, document)
    events.emit("run-ended", state=state.value)
    return RunRecord(state, document, store.uri(key))


def node_states(
    nodes: Sequence[NodePlan], executions: Mapping[str, Sequence[State]], own: Mapping[str, State] | None = None
) -> dict[str, State]:
    """The state of each node.

    Args:
        nodes: all nodes of the run.
        executions: by node the states of its executions; none for a node that never started.
        own: by node its state, where the engine knows it of a node without executions.
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
        if ended:
            states[node.name] = _of_executions(node, ended)
        elif own and node.name in own:
            states[node.name] = own[node.name]
        else:
            blocked = any(_blocks(one, states[one.name]) for one in upstream)
            states[node.name] = State.SKIPPED if blocked else State.STOPPED
    return states


def run_state(
    nodes: Sequence[NodePlan], states: Mapping[str, State], executions: Mapping[str, Sequence[State]]
) -> State:
    """The state of the run: error if a node's error is not to be continued after, else stopped if it was cut short.

    Args:
        nodes: all nodes of the run.
        states: the state of each node.
        executions: by node the states of its executions.
    """
    if any(states[node.name] is State.ERROR and not _goes_on(node) for node in nodes):
        return State.ERROR
    cut = any(
        State.STOPPED in executions.get(node.name, ()) and node.on_child_error != "stop-all-and-error" for node in nodes
    )
    return State.STOPPED if cut or State.STOPPED in states.values() else State.COMPLETE


def _of_executions(node: NodePlan, ended: Sequence[State]) -> State:
    if _forgives(node) and (State.STOPPED in ended or State.COMPLETE in ended):
        return State.STOPPED if State.STOPPED in ended else State.COMPLETE
    if State.ERROR in ended:
        return State.ERROR
    return State.STOPPED if State.STOPPED in ended else State.COMPLETE


def _forgives(node: NodePlan) -> bool:
    """Whether a node is complete as soon as one of its executions is."""
    if node.kind == "execution":
        return False
    if node.on_child_error is not None:
        return node.on_child_error == "continue-and-complete"
    return node.on_error == "continue"


def _goes_on(node: NodePlan) -> bool:
    """Whether an error of the node is none of the run, and nodes after it run."""
    return node.on_error == "continue" and not _forgives(node)


def _blocks(node: NodePlan, state: State) -> bool:
    """Whether a node is the reason that nodes after it are skipped."""
    if state is not State.ERROR:
        return state is State.SKIPPED
    return node.on_error in {"stop-next", "continue"} and not _goes_on(node)
