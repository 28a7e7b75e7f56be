"""Explain why an execution of a past run was not reused: compare its key with that of the nearest earlier execution."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from translator.history.runs import runs
from translator.shim.contract import State
from translator.shim.json_values import thawed
from translator.shim.masking.uris import MASK
from translator.shim.outcome import rejected
from translator.shim.reuse import index
from translator.shim.store import MANIFEST, NoManifestError, StoreError, segment
from translator.shim.store.manifest import reused_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from translator.history.records import Execution
    from translator.history.runs import Run
    from translator.shim.contract import FileRecord, Manifest, ReuseKey
    from translator.shim.store import Store

_MOST_RUNS, _MOST_EXECUTIONS = 20, 200
"""How many earlier runs of the pipeline, and executions of the node, are compared; the latest first."""
_READERS = 8
_SHORT = 10
"""Digits of a digest that people see."""


@dataclass(frozen=True, slots=True)
class Change:
    """A value that differs: the part of the key, its name in that part, and the values; None stands for none."""

    part: str
    name: str
    then: object
    now: object


@dataclass(frozen=True, slots=True)
class Explanation:
    """The reason why an execution ran, or whose results it has.

    Attributes:
        execution: the execution.
        reason: a clause for people.
        earlier: the nearest earlier execution, if there is one: its run, and its name there.
        changes: the values in which they differ.
    """

    execution: Execution
    reason: str
    earlier: tuple[str, str] | None = None
    changes: Sequence[Change] = ()


def explain(store: Store, run: Run, execution: Execution) -> Explanation:
    """Explain why an execution was not reused.

    Args:
        store: the store; what it contains is not trusted.
        run: the run.
        execution: one of its executions.

    Raises:
        StoreError: the store cannot be read.
    """
    if execution.folder is None:
        return Explanation(execution, "it has no log and no manifest, so nothing is known of it")
    try:
        manifest = store.manifest(store.uri(f"{run.key}/{execution.folder}/{MANIFEST}"))
    except NoManifestError:
        return Explanation(execution, "it did not end, so its key is not known")
    own = manifest.key
    if manifest.reused or own is None or not own.digest:
        return Explanation(execution, _without_key(manifest))
    nearest, changes = _nearest(store, run, manifest)
    if nearest is None:
        return Explanation(execution, "no earlier execution is complete and has a key")
    place = (nearest.id.run, f"{nearest.id.node}[{nearest.id.index}]" if nearest.id.kind == "task" else nearest.id.node)
    if changes:
        reason = "no earlier execution depends on the same things" + ("" if own.enabled else ", and reuse was off")
        return Explanation(execution, reason, place, changes)
    return Explanation(execution, _unused(store, manifest, nearest, own), place)


def _without_key(manifest: Manifest) -> str:
    """Return why an execution needed no key, or has none."""
    if manifest.reused:
        return f"its results are those of {reused_name(manifest)}"
    if manifest.key is None:
        return "results of its language cannot be reused, or an older version has run it"
    if manifest.key.unknown:
        return f"its results cannot be reused: {manifest.key.unknown}"
    return "it ended before its key was known"


def _unused(store: Store, manifest: Manifest, nearest: Manifest, own: ReuseKey) -> str:
    """Return why the results of an earlier execution with the same key were not used."""
    if not own.enabled:
        return "reuse was off: use --reuse, or reuse-executions in the pipeline file"
    if nearest.ended > manifest.started:
        return "the earlier execution with the same key had not ended when this one started"
    if rejected.is_marked(store, nearest.uri):
        return "a person marked the earlier execution with the same key as failed"
    gone = next((file for file in nearest.outputs if not store.owns(file.uri) or not store.is_unchanged(file)), None)
    if gone is not None:
        path = gone.masked_path or gone.path
        return f"the output {path!r} of the earlier execution with the same key was deleted or changed"
    if manifest.id.attempt > 1:
        return "its complete attempt was cleared, or the earlier execution with the same key could not be read"
    return "the earlier execution with the same key could not be used then; the log says why"


def _nearest(store: Store, run: Run, manifest: Manifest) -> tuple[Manifest | None, Sequence[Change]]:
    """Return the earlier execution that differs least, of several the latest, and the changes since then."""
    best: tuple[Manifest | None, Sequence[Change]] = (None, ())
    for candidate in _earlier(store, run, manifest):
        changes = list(_changes(store, candidate, manifest))
        if best[0] is None or len(changes) < len(best[1]):
            best = candidate, changes
        if not changes:
            break
    return best


def _earlier(store: Store, run: Run, manifest: Manifest) -> Iterator[Manifest]:
    """Yield complete executions of the same node in other runs, the latest first, after those with the same key."""
    own = manifest.key
    if own is not None:
        for one in index.find(store, own.digest):
            if one.uri != manifest.uri and one.started < manifest.started:
                yield one
    left = _MOST_EXECUTIONS
    others = [one for one in runs(store, run.folder) if one.key != run.key and _is_before(one, manifest)]
    for other in others[:_MOST_RUNS]:
        read = _executions(store, other, manifest, left)
        left -= len(read)
        yield from (one for one in read if _counts(one, manifest))
        if left <= 0:
            return


def _is_before(other: Run, manifest: Manifest) -> bool:
    return str(other.record["started"] or "") <= manifest.started


def _counts(earlier: Manifest, manifest: Manifest) -> bool:
    is_other = earlier.uri != manifest.uri and earlier.started < manifest.started
    return (
        is_other
        and earlier.state is State.COMPLETE
        and not earlier.reused
        and earlier.key is not None
        and bool(earlier.key.digest)
    )


def _executions(store: Store, run: Run, manifest: Manifest, most: int) -> list[Manifest]:
    """Return the manifests of a node's executions in a run, that with the same index first."""
    tries = store.tries(run.folder, run.name, manifest.id.node)
    of_node = {number: attempts for (node, number), attempts in tries.items() if node == segment(manifest.id.node)}
    order = sorted(of_node, key=lambda number: (number != manifest.id.index, number))[:most]
    keys = [
        f"{run.key}/{segment(manifest.id.node)}/{number}/try-{attempt}/{MANIFEST}"
        for number in order
        for attempt, files in reversed(of_node[number].items())
        if MANIFEST in files
    ]
    with ThreadPoolExecutor(_READERS) as readers:
        return [one for one in readers.map(lambda key: _readable(store, key), keys) if one is not None]


def _readable(store: Store, key: str) -> Manifest | None:
    try:
        return store.manifest(store.uri(key))
    except StoreError:
        return None


def _changes(store: Store, before: Manifest, now: Manifest) -> Iterator[Change]:
    """Yield the values in which the keys of two executions differ."""
    if before.key is None or now.key is None:
        return
    then, parts = before.key.parts, now.key.parts
    yield from _of_command(then.get("command"), parts.get("command"))
    for part in ("image", "runner", "python"):
        if then.get(part) != parts.get(part):
            yield Change(part, "", then.get(part), parts.get(part))
    for part, name in (("settings", "setting"), ("packages", "package"), ("environment", "variable")):
        yield from _of_values(name, then.get(part), parts.get(part))
    yield from _of_masked(then, parts)
    yield from _of_code(store, then.get("code"), parts.get("code"))
    yield from _of_values("parameter", thawed(before.parameters), thawed(now.parameters))
    for name in sorted({*before.inputs, *now.inputs}):
        yield from _of_input(name, before.inputs.get(name), now.inputs.get(name))
    known = {"command", "image", "runner", "python", "packages", "environment", "masked", "settings", "code", "inputs"}
    for part in sorted({*then, *parts} - known):  # of another version
        if then.get(part) != parts.get(part):
            yield Change(part, "", then.get(part), parts.get(part))


def _of_command(then: Any, now: Any) -> Iterator[Change]:
    one, other = _object(then), _object(now)
    for name in sorted({*one, *other}):
        if one.get(name) != other.get(name):
            yield Change(
                "command", "" if name == "commands" else name, _joined(one.get(name)), _joined(other.get(name))
            )


def _joined(value: Any) -> object:
    return " && ".join(map(str, value)) if isinstance(value, list) else value


def _of_values(part: str, then: Any, now: Any) -> Iterator[Change]:
    one, other = _object(then), _object(now)
    for name in sorted({*one, *other}):
        value, new = one.get(name), other.get(name)
        if value != new or isinstance(value, bool) != isinstance(new, bool) or (name in one) != (name in other):
            yield Change(part, name, value, new)


def _of_masked(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Change]:
    """Yield the variables that look equal because their values are masked."""
    one, other = _object(then.get("environment")), _object(now.get("environment"))
    for change in _of_values("variable", then.get("masked"), now.get("masked")):
        if one.get(change.name) == other.get(change.name):
            yield Change("variable", change.name, one.get(change.name), other.get(change.name))


def _of_code(store: Store, then: Any, now: Any) -> Iterator[Change]:
    if then == now:
        return
    files, new = index.code(store, str(then)), index.code(store, str(now))
    if files is None or new is None:
        yield Change("code", "", str(then)[:_SHORT], str(now)[:_SHORT])
        return
    for path in sorted({*files, *new}):
        if files.get(path) != new.get(path):
            yield Change("code", path, _short(files.get(path)), _short(new.get(path)))


def _of_input(name: str, then: Sequence[FileRecord] | None, now: Sequence[FileRecord] | None) -> Iterator[Change]:
    one, other = ({file.path: file for file in files or ()} for files in (then, now))
    for path in sorted({*one, *other}):
        file, new = one.get(path), other.get(path)
        digests = [side.sha256 if side is not None else None for side in (file, new)]
        if digests[0] != digests[1]:
            yield Change("input", f"{name}/{path}", *map(_short, digests))
        elif file is not None and new is not None and thawed(file.properties) != thawed(new.properties):
            yield Change("properties", f"{name}/{path}", thawed(file.properties), thawed(new.properties))


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _short(digest: str | None) -> str | None:
    """Return the beginning of a digest, after what it is that of."""
    if digest is None:
        return None
    kind, space, digits = digest.rpartition(" ")
    if kind.endswith("secret"):
        return MASK
    return f"{kind}{space}{digits[:_SHORT]}"
