"""How a run ended: the states of its executions, nodes and of itself, from what is in the store; writes ``run.json``.

The manifests say how executions ended. An execution that has none was killed with its worker, or never began; what the
engine knows of it decides. The states of nodes and of the run follow from those by the rules of design.md,
"Semantics", and of docs/semantics.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from translator.shim import events
from translator.shim.clock import now
from translator.shim.contract import State
from translator.shim.manifest import parameters_of, sane
from translator.shim.store import MANIFEST, RUN, STARTED, Store, StoreError, key_of, segment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from translator.shim.contract import Manifest

OnError = Literal["stop-all", "stop-next", "continue", "retry"]
OnChildError = Literal["continue-and-complete", "continue-and-error", "stop-all-and-error"]

# In ``known``, the index under which an engine says how a node ended that has no executions (a grid without points).
NODE = -1
LOST = "the worker ended before the execution did: it was killed, or memory ran out"


@dataclass(frozen=True, slots=True)
class NodePlan:
    """A node as far as states need it; ``upstream`` are the names of the nodes with an edge to it."""

    name: str
    kind: Literal["execution", "task"]
    on_error: OnError = "stop-all"
    on_child_error: OnChildError | None = None
    upstream: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class RunRecord:
    """How a run ended: its state, the document of ``run.json``, and where that is."""

    state: State
    document: Mapping[str, Any]
    uri: str


@dataclass(frozen=True, slots=True)
class _Execution:
    """The last try of an execution."""

    index: int
    state: State
    tries: int
    parameters: Mapping[str, object]
    manifest: Manifest | None
    reason: str | None

    def document(self) -> dict[str, object]:
        of = self.manifest
        files = sorted(of.outputs, key=lambda file: file.path) if of is not None else []
        return {
            "index": self.index,
            "state": self.state.value,
            "tries": self.tries,
            "parameters": sane(dict(self.parameters)),
            "metadata": sane(dict(of.metadata)) if of is not None else {},
            "outputs": [{"path": file.path, "size": file.size, "sha256": file.sha256} for file in files],
            "reason": self.reason if self.state in {State.ERROR, State.STOPPED} else None,
        }


def finish(  # noqa: PLR0913 - what an engine knows of a run
    store: Store,
    *,
    pipeline: str,
    run: str,
    engine: str,
    nodes: Sequence[NodePlan],
    started: str,
    parameters: Mapping[str, object],
    known: Mapping[str, Mapping[int, State]],
) -> RunRecord:
    """Derive how a run ended and write ``run.json``.

    Args:
        store: where the run's manifests are.
        pipeline: name of the pipeline.
        run: id of the run.
        engine: name of the engine.
        nodes: the nodes, in the order of the source file.
        started: when the run started, ISO-8601 in UTC.
        parameters: the pipeline's parameters, as they were used.
        known: by node and index how executions ended that may have left no manifest: killed with their worker (error),
            or never started (stopped). A manifest wins over it. Index ``NODE`` is the node itself.

    Raises:
        StoreError: the store cannot be read or written.
    """
    executions = _executions(store, pipeline, run, nodes, known)
    ended = {name: [one.state for one in of_node] for name, of_node in executions.items()}
    own = {name: of_node[NODE] for name, of_node in known.items() if NODE in of_node}
    states = node_states(nodes, ended, own)
    state = run_state(nodes, states, ended)
    document = {
        "pipeline": pipeline,
        "run": run,
        "engine": engine,
        "state": state.value,
        "started": started,
        "ended": now(),
        "parameters": sane(dict(parameters)),
        "nodes": {
            node.name: {
                "kind": node.kind,
                "state": states[node.name].value,
                "executions": [one.document() for one in executions[node.name]],
            }
            for node in nodes
        },
    }
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
        elif own and own.get(node.name) is State.ERROR:
            states[node.name] = State.ERROR
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


def _executions(
    store: Store, pipeline: str, run: str, nodes: Sequence[NodePlan], known: Mapping[str, Mapping[int, State]]
) -> dict[str, list[_Execution]]:
    tries = store.tries(pipeline, run)
    found: dict[str, list[_Execution]] = {}
    for node in nodes:
        name = segment(node.name)
        of_engine = known.get(node.name, {})
        indexes = {index for seg, index in tries if seg == name} | {index for index in of_engine if index != NODE}
        executions = []
        for index in sorted(indexes):
            attempts = tries.get((name, index), {})
            executions.append(_execution(store, (pipeline, run, node.name, index), attempts, of_engine))
        # A node none of whose executions has begun has not started.
        begun = any(one.tries or one.state is State.ERROR for one in executions)
        found[node.name] = executions if begun else []
    return found


def _execution(
    store: Store,
    which: tuple[str, str, str, int],
    attempts: Mapping[int, set[str]],
    of_engine: Mapping[int, State],
) -> _Execution:
    begun = [attempt for attempt, files in attempts.items() if STARTED in files]
    last = max(attempts, default=0)
    lost = LOST
    if MANIFEST in attempts.get(last, ()):
        try:
            manifest = store.manifest(store.uri(key_of(*which, last, MANIFEST)))
        except StoreError as error:
            lost = str(error)  # after a power cut, or by somebody's hand
        else:
            return _Execution(which[3], manifest.state, len(begun), manifest.parameters, manifest, manifest.reason)
    stopped = of_engine.get(which[3]) is State.STOPPED
    values: Mapping[str, object] = {}
    if begun:
        values = parameters_of(store.read_json(key_of(*which, begun[-1], STARTED)))
    state, reason = (State.STOPPED, "the run was stopped") if stopped else (State.ERROR, lost)
    return _Execution(which[3], state, len(begun), values, None, reason)
