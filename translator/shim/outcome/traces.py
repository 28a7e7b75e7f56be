"""Combine what the engine knows of executions with what the store keeps of them.

The store keeps the tries of every attempt, even if it was cleared in the engine. So the engine names
the try that counts (``EngineState.manifest``). Tries that it does not name are past; they are only counted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from translator.shim.contract import State
from translator.shim.json_values.storable import sane
from translator.shim.store import LOG, MANIFEST, STARTED, UPLOADS, NoManifestError, StoreError, segment, uploads
from translator.shim.store.keys import REJECTED
from translator.shim.store.manifest import parameters_of, reused_name, started_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from translator.shim.contract import FileRecord, Manifest, Value
    from translator.shim.store import Store

NODE = -1
"""The index for the state of a node that has no executions, or that a person marked."""
LOST = "the worker was lost before the execution ended: it was killed, or memory ran out"
CUT = "the run was stopped"
MARKED_FAILED = "failed in the engine although its command completed: a person marked it, or its worker was lost"
MARKED_WHILE_RUNNING = "a person marked it as failed while it ran"


@dataclass(frozen=True, slots=True)
class EngineState:
    """The engine's current knowledge of an execution, or under ``NODE`` of a node.

    Attributes:
        state: its state in the engine.
        manifest: URI of the manifest of the try that belongs to the engine's current attempt, even if it was not
            written yet; None if the attempt has no try.
        reason: why a node without executions failed, or why the engine lost an execution.
        marked: whether a person set the state; of an execution that failed in the engine, while it ran. This is
            optional for an execution that is complete in the engine although its try is not: only a person can do that.
    """

    state: State
    manifest: str | None = None
    marked: bool = False
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """An execution with its current state.

    Attributes:
        index: its index.
        state: its current state.
        tries: how many tries began, up to the counting one.
        parameters: the values of its parameters.
        manifest: that of the counting try.
        uploads: without a manifest, the outputs that the counting try published before its worker was lost.
        reason: why it is not complete.
        marked: whether a person marked it as complete.
        log: path of that attempt's log below the run's directory.
        started: when that attempt started, ISO-8601 in UTC.
        rejected: whether the store has the mark that its results must not be used by others.
    """

    index: int
    state: State
    tries: int
    parameters: Mapping[str, object]
    manifest: Manifest | None
    reason: str | None
    marked: bool = False
    log: str | None = None
    started: str | None = None
    uploads: Sequence[FileRecord] = ()
    rejected: bool = False

    @property
    def is_marked_failed(self) -> bool:
        """Whether its command was complete, but the engine says that it failed."""
        is_complete = self.manifest is not None and self.manifest.state is State.COMPLETE
        return is_complete and self.state is State.ERROR

    @property
    def begun(self) -> bool:
        """Whether ``run.json`` has an entry for it."""
        return self.tries > 0 or self.state in {State.ERROR, State.COMPLETE}

    def document(self) -> dict[str, object]:
        """Return the entry in ``run.json``."""
        of = self.manifest
        files = sorted(of.outputs if of is not None else self.uploads, key=lambda file: file.path)
        marked = {"marked": "success"} if self.marked else {}
        return {
            "index": self.index,
            "state": self.state.value,
            **marked,
            "tries": self.tries,
            "parameters": sane(dict(self.parameters)),
            "metadata": sane(dict(of.metadata)) if of is not None else {},
            "outputs": [file.document() for file in files],
            "reason": self.reason if self.state in {State.ERROR, State.STOPPED} else None,
            **({"data": [one.document() for one in of.data]} if of is not None and of.data else {}),
            **({"reused": reused_name(of)} if of is not None and of.reused else {}),
            "log": self.log,
            "started": self.started,
            "ended": of.ended if of is not None else None,
        }


def read(
    store: Store, pipeline: str, run: str, engine_states: Mapping[str, Mapping[int, EngineState]]
) -> dict[str, list[Trace]]:
    """Return the executions of each node in the order of their indexes; only those that the engine lists exist.

    Args:
        store: where the run's manifests are.
        pipeline: name of the pipeline.
        run: name of the run in the store.
        engine_states: by node (in branches: by path) and index what the engine knows.

    Raises:
        StoreError: the store cannot be read.
    """
    tries = store.tries(pipeline, run)
    traces = {}
    for node, of_node in engine_states.items():
        of_store = {index: tries.get((segment(node), index), {}) for index in of_node}
        traces[node] = [
            _trace(store, index, of_node[index], of_store[index]) for index in sorted(of_node) if index >= 0
        ]
    return traces


def _trace(store: Store, index: int, engine: EngineState, attempts: Mapping[int, set[str]]) -> Trace:
    trace = _ended(store, index, engine, attempts)
    if engine.manifest is None or trace.tries == 0:
        return trace
    key = store.key(engine.manifest)
    files = attempts.get(_number(key), ())
    if trace.manifest is None and trace.state is not State.COMPLETE and UPLOADS in files:
        trace = replace(trace, uploads=_uploads(store, key.rpartition("/")[0]))
    if REJECTED in files:
        trace = replace(trace, rejected=True)
    if LOG not in files:
        return trace
    return replace(trace, log="/".join([*key.split("/")[-4:-1], LOG]))


def _uploads(store: Store, folder: str) -> Sequence[FileRecord]:
    """Return what an attempt without a manifest has published; nothing if its list is damaged."""
    try:
        return uploads.read(store, folder)
    except StoreError:
        return ()


def _ended(store: Store, index: int, engine: EngineState, attempts: Mapping[int, set[str]]) -> Trace:
    lost = engine.reason or (MARKED_WHILE_RUNNING if engine.marked else LOST)
    if engine.manifest is None or engine.state is State.SKIPPED:
        reason = {State.ERROR: lost, State.STOPPED: CUT}.get(engine.state)
        return Trace(index, engine.state, 0, {}, None, reason, engine.state is State.COMPLETE)
    key = store.key(engine.manifest)
    tries = _begun(key, attempts)
    try:
        manifest = store.manifest(engine.manifest)
    except NoManifestError:
        pass
    except StoreError as error:
        lost = str(error)  # after a power cut, or edited
    else:
        state, reason = _weighed(engine, manifest)
        marked = state is not manifest.state and state is State.COMPLETE
        return Trace(index, state, tries, manifest.parameters, manifest, reason, marked, started=manifest.started)
    values: Mapping[str, Value] = {}
    started: str | None = None
    try:
        document = store.read_json(key.removesuffix(MANIFEST) + STARTED)
        values, started = parameters_of(document), started_of(document)
        tries = max(tries, 1)
    except FileNotFoundError:
        pass  # claimed, but never begun
    except StoreError as error:
        lost = str(error) if lost in (LOST, MARKED_WHILE_RUNNING) else lost
    except ValueError as error:
        lost = f"{store.uri(key.removesuffix(MANIFEST) + STARTED)} cannot be read: {error}"
    if engine.state is State.COMPLETE:
        return Trace(index, State.COMPLETE, tries, values, None, None, marked=True, started=started)
    if engine.state is State.STOPPED:
        return Trace(index, State.STOPPED, tries, values, None, CUT, started=started)
    return Trace(index, State.ERROR, tries, values, None, lost, started=started)


def _weighed(engine: EngineState, manifest: Manifest) -> tuple[State, str | None]:
    """Return the state of an execution, from its engine and its attempt's manifest.

    The manifest knows better why it ended. But an execution that is complete in the engine counts downstream, and one
    that failed there does not, whatever the manifest says.
    """
    if engine.state is State.COMPLETE:
        return State.COMPLETE, None
    if engine.state is State.ERROR and manifest.state is State.COMPLETE:
        return State.ERROR, MARKED_FAILED
    if engine.state is State.ERROR and engine.marked:  # its manifest was written when the engine ended it
        return State.ERROR, MARKED_WHILE_RUNNING
    return manifest.state, manifest.reason


def _begun(key: str, attempts: Mapping[int, set[str]]) -> int:
    """Return how many attempts started, up to that of the manifest at ``key``."""
    return sum(STARTED in files for attempt, files in attempts.items() if attempt <= _number(key))


def _number(key: str) -> int:
    """Return the number of the attempt with the manifest at ``key``."""
    number = key.rsplit("/", 2)[-2].removeprefix("try-")
    return int(number) if number.isdecimal() else 0
