"""What executions left in the store: their last try's manifest, or that they began; and what an engine knows of others.

An execution that has no manifest was killed with its worker, or never began; what the engine knows of it decides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from translator.shim.contract import State
from translator.shim.manifest import parameters_of, sane
from translator.shim.store import LOG, MANIFEST, STARTED, StoreError, key_of, segment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from translator.shim.contract import Manifest
    from translator.shim.store import Store

NODE = -1
"""In what an engine knows, the index under which it says how a node ended that has no executions."""
LOST = "the worker ended before the execution did: it was killed, or memory ran out"


@dataclass(frozen=True, slots=True)
class Trace:
    """The last try of an execution; ``log`` is where its log lies below the run's folder."""

    index: int
    state: State
    tries: int
    parameters: Mapping[str, object]
    manifest: Manifest | None
    reason: str | None
    log: str | None = None

    def document(self) -> dict[str, object]:
        """What ``run.json`` says of it."""
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
            "log": self.log,
        }


def of_nodes(
    store: Store, pipeline: str, run: str, nodes: Sequence[str], known: Mapping[str, Mapping[int, State]]
) -> dict[str, list[Trace]]:
    """The executions of each node; none of a node of which none has begun.

    Args:
        store: where the run's manifests are.
        pipeline: name of the pipeline.
        run: id of the run.
        nodes: names of the nodes.
        known: by node and index what the engine knows of executions; a manifest wins over it.

    Raises:
        StoreError: the store cannot be read.
    """
    tries = store.tries(pipeline, run)
    found: dict[str, list[Trace]] = {}
    for name in nodes:
        seg, of_engine = segment(name), known.get(name, {})
        indexes = {index for one, index in tries if one == seg} | {index for index in of_engine if index != NODE}
        traces = []
        for index in sorted(indexes):
            attempts = tries.get((seg, index), {})
            trace = _trace(store, key_of(pipeline, run, name), index, attempts)
            traces.append(_told(trace, of_engine.get(index)))
        begun = any(one.tries or one.state is State.ERROR for one in traces)
        found[name] = traces if begun else []
    return found


def by_path(store: Store, pipeline: str, run: str, known: Mapping[str, Mapping[int, State]]) -> dict[str, Trace]:
    """What is in the store of each node of a routed graph, by its path; only of those that have begun.

    Args:
        store: where the run's manifests are.
        pipeline: name of the pipeline.
        run: id of the run.
        known: by path and index what the engine knows of executions; a manifest wins over it.

    Raises:
        StoreError: the store cannot be read.
    """
    found: dict[str, Trace] = {}
    for (seg, index), attempts in store.tries(pipeline, run).items():
        folder = f"{key_of(pipeline, run)}/{seg}"
        trace = _trace(store, folder, index, attempts)
        if trace.manifest is not None:
            found[trace.manifest.id.node] = trace
        elif trace.tries:  # names cannot be read off folders
            begun = next(attempt for attempt, files in attempts.items() if STARTED in files)
            name = store.read_json(f"{folder}/{index}/try-{begun}/{STARTED}")["node"]
            found[name] = _told(trace, known.get(name, {}).get(index))
    return found


def _trace(store: Store, folder: str, index: int, attempts: Mapping[int, set[str]]) -> Trace:
    last = max(attempts, default=0)
    trace = _ended(store, folder, index, attempts)
    if LOG not in attempts.get(last, ()):
        return trace
    return replace(trace, log=f"{folder.rsplit('/', 1)[-1]}/{index}/try-{last}/{LOG}")


def _ended(store: Store, folder: str, index: int, attempts: Mapping[int, set[str]]) -> Trace:
    begun = [attempt for attempt, files in attempts.items() if STARTED in files]
    last = max(attempts, default=0)
    lost = LOST
    if MANIFEST in attempts.get(last, ()):
        try:
            manifest = store.manifest(store.uri(f"{folder}/{index}/try-{last}/{MANIFEST}"))
        except StoreError as error:
            lost = str(error)  # after a power cut, or by somebody's hand
        else:
            return Trace(index, manifest.state, len(begun), manifest.parameters, manifest, manifest.reason)
    values: Mapping[str, object] = {}
    if begun:
        values = parameters_of(store.read_json(f"{folder}/{index}/try-{begun[-1]}/{STARTED}"))
    return Trace(index, State.ERROR, len(begun), values, None, lost)


def _told(trace: Trace, of_engine: State | None) -> Trace:
    """What an engine knows counts where there is no manifest."""
    if trace.manifest is not None or of_engine not in {State.STOPPED, State.SKIPPED}:
        return trace
    return replace(trace, state=of_engine, reason="the run was stopped" if of_engine is State.STOPPED else None)
