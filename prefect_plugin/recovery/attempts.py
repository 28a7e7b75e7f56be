"""Record each attempt of a flow run when it begins, so that ``run.json`` can be written if the attempt is killed.

A killed process reports nothing. Prefect's worker marks the flow run as Crashed and calls the flow's ``on_crashed``
hooks in its own process. There, ``record_crash`` finds the run by the labels of the flow run, and reads the names of
its nodes from ``attempt.json`` in the store. All tries belong to the attempt but those that this file says are older.
"""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from prefect import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterParentFlowRunId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.logging.loggers import flow_run_logger
from prefect.states import Crashed

from prefect_plugin.configuration.stores import with_credentials
from prefect_plugin.recovery import stop_documents
from prefect_plugin.recovery.repair import close_earlier_attempts
from prefect_plugin.recovery.stop_documents import Attempt
from translator.shim import clock
from translator.shim.contract import After
from translator.shim.contract import State as Outcome
from translator.shim.json_values.storable import sane
from translator.shim.outcome import run_record
from translator.shim.outcome.plans import BODY, CompositePlan, GraphPlan, NodePlan
from translator.shim.outcome.traces import EngineState
from translator.shim.store import MANIFEST, STARTED, StoreError, key_of, open_store, segment

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from logging import LoggerAdapter
    from uuid import UUID

    from prefect import Flow, State
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

    from prefect_plugin.configuration.stores import FlowStore
    from translator.shim.contract import StoreAddress
    from translator.shim.store import Store

ATTEMPT = "attempt.json"
"""Name of the document that each attempt of a run writes when it begins."""
STORE, BLOCK, PIPELINE, RUN = "translator.store", "translator.store-block", "translator.pipeline", "translator.run"
"""Labels of a flow run: where its artifacts are, and the block with the credentials for them."""
COUNT, BEGAN = "translator.attempt", "translator.started"
"""Labels of a flow run: the number of its latest attempt, and when that began."""

_recorded: set[UUID] = set()


@dataclass(frozen=True, slots=True)
class Begun:
    """The start of an attempt; ``earlier`` are the tries before it, see ``note_earlier_tries``."""

    pipeline: str
    run: str
    started: str
    parameters: Mapping[str, Any]
    nodes: Sequence[NodePlan] = ()
    graph: GraphPlan | None = None
    earlier: Mapping[str, int] = field(default_factory=dict)


def note_earlier_tries(store: StoreAddress, pipeline: str, run: str) -> dict[str, int]:
    """Note in ``attempt.json`` which tries attempts of a run have made so far, and return them.

    The times of tries do not tell which are older: executions on other machines have these from other clocks.

    Returns:
        The number of the last try of each execution, by ``<directory of the node>/<index>``.

    Raises:
        StoreError: the store cannot be read or written.
    """
    opened = open_store(store)
    tries = opened.tries(pipeline, run)
    earlier = {f"{folder}/{index}": max(numbers) for (folder, index), numbers in tries.items()}
    key = key_of(pipeline, run, name=ATTEMPT)
    with contextlib.suppress(FileNotFoundError, StoreError, TypeError):  # reported if somebody needs it
        opened.write_json(key, {**opened.read_json(key), "earlier": earlier}, lasting=False)
    return earlier


def label_flow_run(flow_run: FlowRun, store: FlowStore, pipeline: str, run: str, started: str) -> bool:
    """Record in the labels of a flow run that an attempt begins, and where its artifacts are.

    Returns:
        Whether the labels could be written.
    """
    _recorded.discard(flow_run.id)
    try:
        labels = {STORE: open_store(store.address).root, BLOCK: store.block or "", PIPELINE: pipeline, RUN: run}
        with get_client(sync_client=True) as client:
            client.update_flow_run_labels(flow_run.id, {**labels, COUNT: flow_run.run_count, BEGAN: started})
    except Exception as error:  # noqa: BLE001 - only the record of a crash needs them
        flow_run_logger(flow_run).warning("cannot label the flow run with the place of its artifacts: %s", error)
        return False
    return True


def is_replaced(flow_run: FlowRun, started: str) -> bool:
    """Return whether a later attempt has begun since this one, begun at ``started``, labelled the flow run.

    Prefect's worker reports a killed process twice. The second report undoes a retry in between, whose process may
    already run. Another retry then starts a second process.
    """
    return flow_run.labels.get(BEGAN, started) != started


def write_attempt(store: StoreAddress, begun: Begun) -> None:
    """Write the document of an attempt, if the store can be written."""
    try:
        opened = open_store(store)
        opened.write_json(key_of(begun.pipeline, begun.run, name=ATTEMPT), sane(asdict(begun)), lasting=False)
    except StoreError:
        return  # executions fail with the same error, and report it


def mark_recorded(flow_run: UUID) -> None:
    """Remember that this process has written the record of the latest attempt of a flow run."""
    _recorded.add(flow_run)


def record_crash(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Write ``run.json`` of a flow run that ended without writing it, and end its task runs in the API.

    A flow run that calls the flow of a pipeline several times was killed during the last of these calls.

    A hook for ``@flow(on_crashed=[record_crash])``; Prefect names the arguments.
    """
    if flow_run.id in _recorded:
        return
    logger = flow_run_logger(flow_run, flow)
    with get_client(sync_client=True) as client:
        now = client.read_flow_run(flow_run.id)
        if now.state is not None and now.state.is_running():
            return  # a later attempt, which writes the record
        if BEGAN in now.labels:
            _record(now, logger, state)
            return
        # It was killed before its run began, or calls the flow of a pipeline several times.
        ended: State[Any] = Crashed(message="the flow process ended before this run did")
        for run in _unfinished_runs(client, flow_run.id):
            if BEGAN in run.labels:
                _record(run, logger, state)
            client.set_flow_run_state(run.id, ended, force=True)


def _unfinished_runs(client: SyncPrefectClient, flow_run: UUID) -> list[FlowRun]:
    """Return the subflow runs of a flow run that have no final state."""
    unfinished = FlowRunFilterStateType(any_=[StateType.PENDING, StateType.RUNNING, StateType.PAUSED])
    of_run = FlowRunFilter(
        parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[flow_run]),
        state=FlowRunFilterState(type=unfinished),
    )
    return client.read_flow_runs(flow_run_filter=of_run)


def _record(flow_run: FlowRun, logger: LoggerAdapter[Any], state: State[Any]) -> None:
    """Write ``run.json`` of a flow run that was killed, and end its task runs."""
    labels = flow_run.labels
    try:
        store = open_store(with_credentials(str(labels[STORE]), str(labels.get(BLOCK) or "")))
        # An attempt that was killed before it set its labels has begun nothing.
        stop_documents.end(store, Attempt(str(labels[PIPELINE]), str(labels[RUN]), str(labels[BEGAN])))
        has_begun = labels[COUNT] == flow_run.run_count
        began = str(labels[BEGAN]) if has_begun else clock.now()
        begun = _read(store, str(labels[PIPELINE]), str(labels[RUN]), began)
        tries = _tries(store, begun) if has_begun else {}
        if begun.graph is not None:
            tries = _with_composites(tries)
        run_record.finish(
            store,
            pipeline=begun.pipeline,
            run=begun.run,
            engine="prefect",
            nodes=begun.nodes,
            started=begun.started,
            parameters=begun.parameters,
            engine_states={path: {index: one.known for index, one in of.items()} for path, of in tries.items()},
            graph=_with_routes(
                begun.graph, {path: of[0] for path, of in tries.items() if 0 in of}, _branches(tries), [""]
            ),
        )
    except (StoreError, OSError, ValueError) as error:
        logger.warning("cannot write the record of a run that crashed (%s): %s", state.message, error)
    close_earlier_attempts(flow_run.id)


@dataclass(frozen=True, slots=True)
class _Try:
    """The last try of an execution, or of the fan-in of a node with branches, and when it began."""

    started: str
    known: EngineState


def _tries(store: Store, begun: Begun) -> dict[str, dict[int, _Try]]:
    """Return the tries of an attempt by node (or path) and index; a try without a manifest was lost."""
    tries: dict[str, dict[int, _Try]] = {}
    base = key_of(begun.pipeline, begun.run)
    for (folder, index), attempts in store.tries(begun.pipeline, begun.run).items():
        number = max(attempts)
        files = attempts[number].intersection((MANIFEST, STARTED))
        if not files or number <= begun.earlier.get(f"{folder}/{index}", 0):
            continue
        key = f"{base}/{folder}/{index}/try-{number}"
        node, started, state = _read_try(store, key, files) or (
            _node_of_directory(folder, begun),
            clock.now(),
            Outcome.ERROR,
        )
        if node is not None:
            uri = store.uri(f"{key}/{MANIFEST}")
            tries.setdefault(node, {})[index] = _Try(started, EngineState(state, uri))
    return tries


def _read_try(store: Store, key: str, files: Collection[str]) -> tuple[str, str, Outcome] | None:
    """Return the node of a try, when it began and how it ended; None if its files cannot be read."""
    try:
        if MANIFEST in files:
            manifest = store.manifest(store.uri(f"{key}/{MANIFEST}"))
            return manifest.id.node, manifest.started, manifest.state
    except StoreError:
        pass  # reading it for the record reports the reason
    try:
        document = store.read_json(f"{key}/{STARTED}")
        return str(document["node"]), str(document["started"]), Outcome.ERROR
    except (StoreError, FileNotFoundError, KeyError, TypeError):
        return None


def _node_of_directory(folder: str, begun: Begun) -> str | None:
    """Return the node (in branches: the path) whose directory in the store has this name, if that is clear."""
    if begun.graph is None:
        return next((node.name for node in begun.nodes if segment(node.name) == folder), None)
    return folder if segment(folder) == folder else None


def _with_composites(tries: Mapping[str, dict[int, _Try]]) -> dict[str, dict[int, _Try]]:
    """Return ``tries`` with the composite nodes that were lost while their branches ran."""
    started: dict[str, str] = {}
    for path, of_path in tries.items():
        first = min(one.started for one in of_path.values())
        for node, _ in _enclosing(path):
            started[node] = min(first, started.get(node, first))
    lost = {node: {0: _Try(first, EngineState(Outcome.ERROR))} for node, first in started.items()}
    return {**lost, **tries}


def _branches(tries: Iterable[str]) -> dict[str, list[str]]:
    """Return by path of a node the paths of its branches in which something began, each with a trailing full stop."""
    by_node: dict[str, dict[str, None]] = {}
    for path in tries:
        for node, branch in _enclosing(path):
            by_node.setdefault(node, {})[f"{node}.{branch}."] = None
    return {node: list(branches) for node, branches in by_node.items()}


def _enclosing(path: str) -> Iterator[tuple[str, str]]:
    """Yield the enclosing nodes of a node, by path, and the branch of each that the node is in."""
    parts = path.split(".")
    for place in range(1, len(parts) - 1, 2):
        yield ".".join(parts[:place]), parts[place]


def _with_routes(
    graph: GraphPlan | None, tries: Mapping[str, _Try], branches: Mapping[str, Sequence[str]], prefixes: Sequence[str]
) -> GraphPlan | None:
    """Return a graph with the routes that its token took, derived from the order in which its nodes began.

    Args:
        graph: the graph, without routes.
        tries: by path, the nodes that began.
        branches: by path of a node, the paths of its branches in which something began.
        prefixes: the paths of the graph in the run (for a map's body one per item), each with a trailing full stop.
    """
    if graph is None:
        return None
    starts: list[str] = []
    after: dict[str, set[After]] = {}
    ends: set[After] = set()
    for prefix in prefixes:
        begun = sorted(
            (tries[prefix + node.name].started, node.name) for node in graph.nodes if prefix + node.name in tries
        )
        names = [name for _, name in begun]
        starts += names[:1]
        for name, following in itertools.pairwise(names):
            failed = tries[prefix + name].known.state is Outcome.ERROR
            after.setdefault(following, set()).add(After(name, "error" if failed else "complete"))
        if prefix and names and tries[prefix + names[-1]].known.state is Outcome.COMPLETE:
            ends.add(After(names[-1], "complete"))
    nodes: list[NodePlan | CompositePlan] = []
    for node in graph.nodes:
        of_node = replace(node, after=tuple(after.get(node.name, ())))
        if isinstance(of_node, CompositePlan):
            here = [prefix + node.name for prefix in prefixes]
            inner = {
                name: [entered for path in here for entered in branches.get(path, ()) if _is_of(name, path, entered)]
                for name in of_node.branches
            }
            plans = {
                name: _with_routes(branch, tries, branches, inner[name]) for name, branch in of_node.branches.items()
            }
            of_node = replace(of_node, branches={name: plan for name, plan in plans.items() if plan is not None})
        nodes.append(of_node)
    return GraphPlan(nodes, tuple(ends), starts[0] if starts else None)


def _is_of(branch: str, path: str, entered: str) -> bool:
    """Return whether a branch's path in the run belongs to a path of the plan, which has one branch per map or loop."""
    return branch == BODY or entered == f"{path}.{branch}."


def _graph(document: Mapping[str, Any]) -> GraphPlan:
    """Return the graph that ``asdict`` wrote, without routes."""
    nodes: list[NodePlan | CompositePlan] = []
    for node in document["nodes"]:
        if "branches" in node:
            branches = {name: _graph(branch) for name, branch in node["branches"].items()}
            nodes.append(CompositePlan(node["name"], node["kind"], branches))
        else:
            nodes.append(NodePlan(node["name"]))
    return GraphPlan(nodes)


def _read(store: Store, pipeline: str, run: str, started: str) -> Begun:
    document = store.read_json(key_of(pipeline, run, name=ATTEMPT))
    try:
        nodes = [NodePlan(**node) for node in document["nodes"]]
        graph = _graph(document["graph"]) if document["graph"] is not None else None
        earlier = {str(execution): int(number) for execution, number in document["earlier"].items()}
        return Begun(pipeline, run, started, document["parameters"], nodes, graph, earlier)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StoreError(f"the document of the run's attempt is incomplete: {error!r}") from error
