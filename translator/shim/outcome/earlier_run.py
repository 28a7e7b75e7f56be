"""Find what an earlier run of a pipeline provides for nodes that are left out of this run.

The earlier run is chosen when an execution first needs it, and kept with its executions in the directory of this run
(``earlier.json``). So all workers, retries and cleared tasks use the same files, also if the earlier run is repeated or
another one ends meanwhile. A run of a part of the pipeline has the nodes that it ran, and those that it took itself.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from translator.shim.contract import LATEST, Manifest, Scope, State
from translator.shim.errors import TranslatorError
from translator.shim.json_values.depth import parse
from translator.shim.store import MANIFEST, RUN, NoManifestError, StoreError, key_of, segment
from translator.shim.store.keys import TRY_FILE

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from translator.shim.contract import After
    from translator.shim.store import Store

EARLIER = "earlier.json"
"""The file in a run's directory that names the earlier run, and its executions by node."""
UNFINISHED = "unfinished"
"""The state of a run without a record: it still runs, or its engine ended without writing one. Its task nodes have this
state as well, because the store does not have the number of their executions."""
_READERS = 8
"""The number of records read at once: a remote store takes its time for each."""


class EarlierRunError(TranslatorError):
    """No earlier run has what this run needs of it."""


@dataclass(frozen=True, slots=True)
class EarlierNode:
    """A node in an earlier run: its state, and the keys of the manifests of its complete executions in grid order.

    ``last`` is the key of the manifest that has the scope after a node of a control-flow graph.
    """

    state: str
    manifests: Sequence[str] = ()
    last: str | None = None


@dataclass(frozen=True, slots=True)
class EarlierRun:
    """An earlier run: its name in the store, its state, and its nodes by name."""

    name: str
    state: str
    nodes: Mapping[str, EarlierNode] = field(default_factory=dict)

    def executions(self, node: str, *, may_fail: bool = False) -> Sequence[str]:
        """Return the keys of the manifests of a node's complete executions.

        Args:
            node: the node.
            may_fail: whether it may have failed in this run.

        Raises:
            EarlierRunError: the node is not complete in this run.
        """
        earlier = self.nodes.get(node)
        if earlier is not None and earlier.state == UNFINISHED:
            raise EarlierRunError(
                f"the earlier run {self.name} has no record, so it is not known whether all executions of the task "
                f"node {node!r} are complete, which is left out of this run; run {node!r}, too, or take another run "
                "with --run RUN"
            )
        accepted = {State.COMPLETE.value, *([State.ERROR.value] if may_fail else [])}
        if earlier is None or earlier.state not in accepted:
            what = "has no execution of" if earlier is None else f"is {earlier.state} at"
            raise EarlierRunError(
                f"the earlier run {self.name} {what} node {node!r}, which is left out of this run; run {node!r}, too, "
                "or take another run with --run RUN"
            )
        return earlier.manifests

    def scope(self, after: Sequence[After]) -> str:
        """Return the key of the manifest with the scope where one of some outcomes led on.

        Raises:
            EarlierRunError: the run did not come to this place.
        """
        for one in after:
            earlier = self.nodes.get(one.name)
            if earlier is not None and earlier.state == one.outcome and earlier.last is not None:
                return earlier.last
        places = " nor ".join(
            f"{one.name!r} {'was complete' if one.outcome == 'complete' else 'failed'}" for one in after
        )
        raise EarlierRunError(
            f"the earlier run {self.name} did not come to the start of this part: neither {places}; start earlier, or "
            "take another run with --run RUN"
        )


def manifests(  # noqa: PLR0913 - the last two have defaults
    store: Store, pipeline: str, run: str, node: str, wanted: str = LATEST, *, may_fail: bool = False
) -> tuple[Manifest, ...]:
    """Return the manifests of a left-out node's complete executions in the earlier run, in grid order.

    Args:
        store: the store.
        pipeline: name of the pipeline.
        run: name of this run in the store.
        node: the node.
        wanted: name of the earlier run, or ``latest``.
        may_fail: whether the node may have failed there; then there may be none.

    Raises:
        EarlierRunError: no earlier run has complete executions of the node.
        StoreError: the store cannot be read or written.
    """
    chosen = _pinned(store, pipeline, run, wanted)
    read = []
    for key in chosen.executions(node, may_fail=may_fail):
        try:
            read.append(store.manifest(store.uri(key)))
        except NoManifestError as error:
            raise EarlierRunError(f"the earlier run {chosen.name} has lost an execution of {node!r}: {error}") from None
    return tuple(read)


def scope(store: Store, pipeline: str, run: str, after: Sequence[After]) -> Scope:
    """Return the scope with which a part of a control-flow graph starts: that of the earlier run at this place.

    Args:
        store: the store.
        pipeline: name of the pipeline.
        run: name of this run in the store.
        after: the outcomes of left-out nodes that lead to the start.

    Raises:
        EarlierRunError: no earlier run came to this place.
        StoreError: the store cannot be read or written.
    """
    chosen = _pinned(store, pipeline, run, after[0].run or LATEST)
    try:
        manifest = store.manifest(store.uri(chosen.scope(after)))
    except NoManifestError as error:
        raise EarlierRunError(f"the earlier run {chosen.name} has lost its parameters: {error}") from None
    if manifest.scope is None:
        raise EarlierRunError(f"{manifest.uri} has no parameters: it is not of a control-flow graph")
    return manifest.scope


def recorded(store: Store, pipeline: str, run: str) -> str | None:
    """Return the name of the earlier run that a run has used; None if it used none.

    Raises:
        StoreError: the store cannot be read.
    """
    try:
        return _read(store, key_of(pipeline, run, name=EARLIER)).name
    except FileNotFoundError:
        return None


def find(store: Store, pipeline: str, wanted: str = LATEST, besides: str | None = None) -> EarlierRun:
    """Return an earlier run of a pipeline: the latest one with a record, or the one with a name.

    Args:
        store: the store.
        pipeline: name of the pipeline.
        wanted: name of the run, which may have no record yet, or ``latest``.
        besides: name of a run that does not count.

    Raises:
        EarlierRunError: the run does not exist.
        StoreError: the store cannot be read.
    """
    others = segment(besides) if besides is not None else None
    names = [name for name in store.names(segment(pipeline)) if name != others and name[:1] != "."]
    if wanted != LATEST:
        if segment(wanted) not in names:
            raise EarlierRunError(
                f"there is no earlier run {wanted!r} of the pipeline {pipeline!r} in {_location(store)}"
            )
        return _of_run(store, pipeline, wanted, _record(store, pipeline, wanted))
    with ThreadPoolExecutor(_READERS) as readers:
        records = dict(zip(names, readers.map(lambda name: _readable(store, pipeline, name), names), strict=True))
    finished = {name: record for name, record in records.items() if record is not None}
    if not finished:
        raise EarlierRunError(
            f"there is no earlier run of the pipeline {pipeline!r} in {_location(store)}, but this run needs what "
            "nodes that are left out made; run the whole pipeline first"
        )
    latest = max(finished, key=lambda name: (str(finished[name].get("started") or ""), name))
    return _of_run(store, pipeline, latest, finished[latest])


def _pinned(store: Store, pipeline: str, run: str, wanted: str) -> EarlierRun:
    """Return the earlier run that this run uses; choose it if no execution has."""
    key = key_of(pipeline, run, name=EARLIER)
    try:
        pinned = _read(store, key)
    except FileNotFoundError:
        there = store.create_json(key, _document(chosen := find(store, pipeline, wanted, run)))
        return chosen if there is None else _parsed(store, key, there)
    if wanted not in {LATEST, pinned.name}:  # the file was translated again, and the run was cleared
        pinned = find(store, pipeline, wanted, run)
        store.write_json(key, _document(pinned))
    return pinned


def _document(run: EarlierRun) -> dict[str, object]:
    nodes = {
        name: {"state": node.state, "executions": list(node.manifests), "last": node.last}
        for name, node in run.nodes.items()
    }
    return {"run": run.name, "state": run.state, "nodes": nodes}


def _read(store: Store, key: str) -> EarlierRun:
    return _parsed(store, key, store.read(key))


def _parsed(store: Store, key: str, content: bytes) -> EarlierRun:
    try:
        document = parse(content)
        nodes = {
            str(name): EarlierNode(
                str(node["state"]),
                [str(one) for one in node["executions"]],
                None if node.get("last") is None else str(node["last"]),
            )
            for name, node in document["nodes"].items()
        }
        return EarlierRun(str(document["run"]), str(document["state"]), nodes)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"{store.uri(key)} does not describe an earlier run: {error}") from error


def _readable(store: Store, pipeline: str, run: str) -> Mapping[str, Any] | None:
    """Return the record of a run; None if it has none, or an unreadable one."""
    try:
        return _record(store, pipeline, run)
    except EarlierRunError:
        return None


def _record(store: Store, pipeline: str, run: str) -> Mapping[str, Any] | None:
    """Return the record of a run; None if it has none.

    Raises:
        EarlierRunError: it is not a record.
    """
    key = key_of(pipeline, run, name=RUN)
    try:
        content = store.read(key)
    except FileNotFoundError:
        return None
    try:
        document = parse(content)
    except ValueError as error:
        raise EarlierRunError(f"{store.uri(key)} is not JSON: {error}; take another run with --run RUN") from None
    if not isinstance(document, dict) or not isinstance(document.get("nodes"), dict):
        raise EarlierRunError(f"{store.uri(key)} is not the record of a run; take another run with --run RUN")
    return document


def _of_run(store: Store, pipeline: str, run: str, record: Mapping[str, Any] | None) -> EarlierRun:
    """Return what a run has: the nodes that it ran, and those that it took from a run before it."""
    if record is None:
        own, state = _begun(store, pipeline, run), UNFINISHED
    else:
        own = {str(name): _of_record(store, pipeline, run, str(name), node) for name, node in record["nodes"].items()}
        state = str(record.get("state"))
    try:
        before = _read(store, key_of(pipeline, run, name=EARLIER)).nodes
    except FileNotFoundError:
        before = {}
    return EarlierRun(run, state, {**before, **own})


def _of_record(store: Store, pipeline: str, run: str, name: str, node: Any) -> EarlierNode:
    """Return a node as the record of its run has it."""
    executions = node.get("executions", []) if isinstance(node, dict) else None
    if not isinstance(executions, list):
        return EarlierNode("unreadable")
    state = str(node.get("state"))
    if "branches" in node:
        return EarlierNode(state, [], _fan_in(store, pipeline, run, name))
    complete: dict[int, str] = {}
    last: str | None = None
    for entry in executions:
        index = entry.get("index") if isinstance(entry, dict) else None
        if not isinstance(index, int) or (attempt := _attempt(store, pipeline, run, name, entry)) is None:
            continue
        last = key_of(pipeline, run, name, index, attempt, MANIFEST)
        if entry.get("state") == State.COMPLETE.value:
            complete[index] = last
    return EarlierNode(state, [complete[index] for index in sorted(complete)], last)


def _fan_in(store: Store, pipeline: str, run: str, name: str) -> str | None:
    """Return the key of the manifest of a composite node's fan-in; None if it has none."""
    attempt = _latest(store.tries(pipeline, run, name).get((segment(name), 0), {}))
    return None if attempt is None else key_of(pipeline, run, name, 0, attempt, MANIFEST)


def _latest(attempts: Mapping[int, Collection[str]]) -> int | None:
    """Return the last attempt with a manifest."""
    return max((attempt for attempt, files in attempts.items() if MANIFEST in files), default=None)


def _attempt(store: Store, pipeline: str, run: str, name: str, entry: Mapping[str, Any]) -> int | None:
    """Return the attempt that counts; None if there is none, because a person marked an execution that never began."""
    match = TRY_FILE.fullmatch(str(entry.get("log")))
    if match is not None:
        return int(match["attempt"])
    of_index = store.tries(pipeline, run, name).get((segment(name), entry["index"]), {})  # its log could not be written
    return _latest(of_index)


def _begun(store: Store, pipeline: str, run: str) -> dict[str, EarlierNode]:
    """Return the nodes of a run without a record, by the last attempt of each execution.

    Task nodes are not complete: the store has the executions that began, but not how many the grid has.
    """
    executions: dict[str, list[tuple[str, State]]] = {}
    tasks: set[str] = set()
    for (node, index), attempts in store.tries(pipeline, run).items():
        attempt, files = max(attempts.items())
        key = f"{key_of(pipeline, run)}/{node}/{index}/try-{attempt}/{MANIFEST}"
        if MANIFEST in files:
            manifest = store.manifest(store.uri(key))
            if manifest.id.kind == "task":
                tasks.add(manifest.id.node)
            executions.setdefault(manifest.id.node, []).append((key, manifest.state))
        else:
            executions.setdefault(node, []).append((key, State.STOPPED))
    return {
        name: EarlierNode(
            next(
                (state.value for _, state in of_node if state is not State.COMPLETE),
                UNFINISHED if name in tasks else State.COMPLETE.value,
            ),
            [key for key, state in of_node if state is State.COMPLETE],
            of_node[0][0],
        )
        for name, of_node in executions.items()
    }


def _location(store: Store) -> str:
    return store.root.removeprefix("file://")
