"""List the runs in an artifact store, and find one by its name."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from translator.errors import TranslatorError
from translator.history.records import flaw
from translator.history.times import instant
from translator.names import closest
from translator.shim.contract import LATEST
from translator.shim.outcome.earlier_run import UNFINISHED
from translator.shim.store import MANIFEST, RUN, STARTED, UPLOADS, StoreError, segment, uploads
from translator.shim.store.owner import OWNER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from translator.history.records import Record
    from translator.shim.store import Store

UNREADABLE = "unreadable"
"""The state of a run whose record is not one."""
_LISTED = 3
"""How many runs a message about an ambiguous name lists."""
_READERS = 8
"""The number of runs read at once: a remote store takes its time for each."""
_NEVER = datetime.min.replace(tzinfo=UTC)


class HistoryError(TranslatorError):
    """A run, node or execution that is not in the store."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run in a store.

    Attributes:
        folder: the directory of its pipeline in the store.
        name: its own directory in that.
        record: its ``run.json``, or what is known without one.
        flaw: why its ``run.json`` cannot be used, if it has one.
    """

    folder: str
    name: str
    record: Record
    flaw: str | None = None

    @property
    def key(self) -> str:
        """Its directory in the store."""
        return f"{self.folder}/{self.name}"

    @property
    def state(self) -> str:
        """The state of the run."""
        return str(self.record["state"])


def runs(store: Store, pipeline: str | None = None) -> list[Run]:
    """Return the runs in a store, those that started last first.

    Args:
        store: the store.
        pipeline: only runs of the pipeline with this name.

    Raises:
        StoreError: the store cannot be read.
    """
    return _read_all(store, _directories(store, pipeline))


def find(store: Store, name: str, pipeline: str | None = None) -> Run:
    """Return the run with a name.

    Args:
        store: the store.
        name: ``latest``, the run's id or its unique beginning, alone or after its pipeline and a slash.
        pipeline: only runs of the pipeline with this name.

    Raises:
        HistoryError: the run does not exist, or the name fits several.
        StoreError: the store cannot be read.
    """
    if pipeline is None and "/" in name:
        pipeline, _, name = name.rpartition("/")
    places = _directories(store, pipeline)
    # Reading a record costs more than a listing, so read only those that may be meant.
    matching = _read_all(store, [place for place in places if name == LATEST or place[1] in {name, segment(name)}])
    if name == LATEST and matching:
        return matching[0]
    if name and not matching:
        matching = _read_all(store, [place for place in places if place[1].startswith(name)])
    if not matching:
        raise HistoryError(_missing(name, _read_all(store, places), store, pipeline))
    if len(matching) > 1:
        several = ", ".join(run.key for run in matching[:_LISTED]) + (", ..." if len(matching) > _LISTED else "")
        raise HistoryError(f"{name!r} is the name of {len(matching)} runs: {several}")
    return matching[0]


def _missing(name: str, runs: Sequence[Run], store: Store, pipeline: str | None) -> str:
    """Return the message for a run that does not exist."""
    if not runs:
        of = "" if pipeline is None else f" of the pipeline {pipeline!r}"
        return f"there are no runs{of} in {store.root.removeprefix('file://')}"
    guess = closest(name, [run.name for run in runs])
    return f"there is no run {name!r}" + (f"; did you mean {guess!r}?" if guess else "")


def _directories(store: Store, pipeline: str | None) -> list[tuple[str, str]]:
    """Return the directories that may be those of runs: that of the pipeline, and the run's in it."""
    folders = [name for name in store.names() if not name.startswith(".")]
    if pipeline is not None:
        folders = [name for name in folders if name in {pipeline, segment(pipeline)}]
    with ThreadPoolExecutor(_READERS) as readers:
        names = list(readers.map(store.names, folders))
    return [(folder, name) for folder, of in zip(folders, names, strict=True) for name in of if name[0] != "."]


def _read_all(store: Store, places: Sequence[tuple[str, str]]) -> list[Run]:
    """Return the runs in some directories, those that started last first."""
    with ThreadPoolExecutor(_READERS) as readers:
        read = list(readers.map(lambda place: _read(store, *place), places))
    return sorted((run for run in read if run is not None), key=_age)


def _read(store: Store, folder: str, name: str) -> Run | None:
    """Return what is known of a run; None if the directory is none of a run."""
    try:
        document = store.read_json(f"{folder}/{name}/{RUN}")
    except FileNotFoundError:
        return _unfinished(store, folder, name)
    except StoreError as error:
        return Run(folder, name, _blank(folder, name, UNREADABLE), str(error))
    wrong = flaw(document)
    if wrong is not None:
        return Run(folder, name, _blank(folder, name, UNREADABLE), f"{store.uri(f'{folder}/{name}/{RUN}')}: {wrong}")
    return Run(folder, name, document)


def _unfinished(store: Store, folder: str, name: str) -> Run | None:
    """Return a run without a record, from what its executions have left so far."""
    try:
        tries = store.tries(folder, name)
        owner: object = store.read_json(f"{folder}/{name}/{OWNER}")
    except FileNotFoundError:
        owner = None
    except StoreError as error:
        return Run(folder, name, _blank(folder, name, UNREADABLE), str(error))
    if owner is None and not tries:
        return None
    begun_nodes: dict[str, dict[str, Any]] = {}
    for (node, index), attempts in tries.items():
        attempt, files = list(attempts.items())[-1]
        entry = _entry(store, f"{folder}/{name}/{node}/{index}/try-{attempt}", files)
        shown = begun_nodes.setdefault(node, {"kind": "execution", "state": UNFINISHED, "executions": []})
        shown["kind"] = "task" if index or entry["kind"] == "task" else shown["kind"]
        shown["executions"].append(
            {**entry, "index": index, "tries": attempt, "log": f"{node}/{index}/try-{attempt}/log.txt"}
        )
    starts = [one["started"] for node in begun_nodes.values() for one in node["executions"] if one["started"]]
    engine = owner.get("engine") if isinstance(owner, dict) else None
    blank = _blank(folder, name, UNFINISHED)
    return Run(
        folder,
        name,
        {**blank, "engine": str(engine or ""), "started": min(starts, default=None), "nodes": begun_nodes},
    )


def _entry(store: Store, key: str, files: set[str]) -> dict[str, Any]:
    """Return an execution as a record shows it, from the latest attempt."""
    entry: dict[str, Any] = {
        "kind": "",
        "state": UNFINISHED,
        "parameters": {},
        "metadata": {},
        "outputs": [],
        "reason": None,
        "started": None,
        "ended": None,
    }
    try:
        if MANIFEST in files:
            manifest = store.manifest(store.uri(f"{key}/{MANIFEST}"))
            return {
                "kind": manifest.id.kind,
                "state": manifest.state.value,
                "parameters": dict(manifest.parameters),
                "metadata": dict(manifest.metadata),
                "outputs": [file.document() for file in manifest.outputs],
                "reason": manifest.reason,
                "started": manifest.started,
                "ended": manifest.ended,
            }
        if UPLOADS in files:
            entry["outputs"] = [file.document() for file in uploads.read(store, key)]
        document = store.read_json(f"{key}/{STARTED}")
    except (StoreError, FileNotFoundError):
        return entry
    if isinstance(document, dict) and isinstance(document.get("started"), str):
        entry["started"] = document["started"]
    return entry


def _blank(folder: str, name: str, state: str) -> Mapping[str, Any]:
    return {
        "pipeline": folder,
        "run": name,
        "engine": "",
        "state": state,
        "started": None,
        "ended": None,
        "parameters": {},
        "nodes": {},
    }


def _age(run: Run) -> tuple[float, str]:
    started = instant(run.record["started"]) or _NEVER
    return (-started.timestamp() if started is not _NEVER else 0.0, run.key)
