"""Compare two runs: states, parameters, metadata and output files.

Equal means: the same state of the run, of every node and of every execution, the same parameters and metadata, and
the same output files, byte by byte. Only the engine, the run's id, the earlier run that it used, the times and the
places of logs may differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from translator.history.records import executions, nodes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from translator.history.records import Record

_OF_RUN = ("engine", "run", "earlier_run", "started", "ended")
_OF_EXECUTION = ("started", "ended", "log", "reused")
_NAMED = ("parameters", "metadata")
"""The values that are objects of named values."""
_ABSENT = "-"
_Key = tuple[str, str]
"""The name of a value, after the object that it is in, if it is in one."""


@dataclass(frozen=True, slots=True)
class Row:
    """A node in both runs: its state on each side, and what its output files are."""

    name: str
    kind: str
    left: str
    right: str
    files: str = ""


@dataclass(frozen=True, slots=True)
class Detail:
    """A value that differs, with its name, and its place as people read it."""

    place: str
    name: str
    left: object
    right: object


@dataclass(frozen=True, slots=True)
class Difference:
    """A value that differs; ``where`` is its place in the records."""

    where: str
    left: object
    right: object


def differences(left: Record, right: Record) -> list[Difference]:
    """Return each difference between two records."""
    return list(_differences(_comparable(left), _comparable(right), ""))


def rows(left: Record, right: Record) -> list[Row]:
    """Return a row for each node of either run, and one for the run."""
    mine, theirs = dict(nodes(left)), dict(nodes(right))
    compared = []
    for path in [*mine, *(path for path in theirs if path not in mine)]:
        one, other = mine.get(path), theirs.get(path)
        some = one or other or {}
        compared.append(Row(_name(path), _kind(some), _states(one), _states(other), _files(one or {}, other or {})))
    return [*compared, Row("the run", "", str(left["state"]), str(right["state"]))]


def details(left: Record, right: Record) -> list[Detail]:
    """Return each value that differs and that ``rows`` does not show: parameters, metrics, reasons, attempts, ...."""
    mine, theirs = _values(left), _values(right)
    found = []
    for place in [*mine, *(place for place in theirs if place not in mine)]:
        one, other = mine.get(place, {}), theirs.get(place, {})
        keys = [*one, *(key for key in other if key not in one)]
        if not one or not other:  # ``rows`` shows that it is missing
            keys = [key for key in keys if key[0] in _NAMED]
        pairs = [(key, one.get(key), other.get(key)) for key in keys]
        found += [Detail(place, key[1], *pair) for key, *pair in pairs if not _same(*pair)]
    return found


def _values(record: Record) -> dict[str, dict[_Key, object]]:
    """Return by place the values of the run, of each node and branch, and of each execution."""
    values = {"the run": _keyed(record, *_OF_RUN, "state", "nodes")}
    for path, node in nodes(record):
        name = ".".join(path)
        values[name] = _keyed(node, "state", "executions", "branches")
        for branch, graph in node.get("branches", {}).items():
            values[f"{name}[{branch}]"] = _keyed(graph, "nodes")
    for one in executions(record):
        shown = ("state",) if one.kind != "task" else ()
        values.setdefault(one.name, {}).update(_keyed(one.entry, *_OF_EXECUTION, *shown, "index", "outputs"))
    return values


def _keyed(document: Mapping[str, Any], *without: str) -> dict[_Key, object]:
    """Return the values of a document; parameters and metrics one by one."""
    keyed: dict[_Key, object] = {}
    for key, value in document.items():
        if key in _NAMED and isinstance(value, dict):
            keyed |= {(key, name): one for name, one in value.items()}
        elif key not in without:
            keyed["", key] = value
    return keyed


def _name(path: Sequence[str]) -> str:
    branch = f"[{path[-2]}] " if len(path) > 1 else ""
    return f"{'  ' * (len(path) // 2)}{branch}{path[-1]}"


def _comparable(record: Record) -> Mapping[str, Any]:
    return {**{key: value for key, value in record.items() if key not in _OF_RUN}, "nodes": _graph(record["nodes"])}


def _graph(listed: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _node(node) for name, node in listed.items()}


def _node(node: Mapping[str, Any]) -> dict[str, Any]:
    if "branches" in node:
        branches = node["branches"].items()
        return {**node, "branches": {name: {**graph, "nodes": _graph(graph["nodes"])} for name, graph in branches}}
    entries = [{key: value for key, value in one.items() if key not in _OF_EXECUTION} for one in node["executions"]]
    return {**node, "executions": entries}


def _differences(left: object, right: object, path: str) -> Iterator[Difference]:
    if isinstance(left, dict) and isinstance(right, dict):
        for key in {**left, **right}:
            yield from _differences(left.get(key), right.get(key), f"{path}.{key}")
    elif isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        for index, pair in enumerate(zip(left, right, strict=True)):
            yield from _differences(*pair, f"{path}[{index}]")
    elif not _same(left, right):
        yield Difference(path.removeprefix("."), left, right)


def _same(left: object, right: object) -> bool:
    """Return whether two JSON values are the same: 1 and 1.0 are, 1 and true are not."""
    return left == right and isinstance(left, bool) == isinstance(right, bool)


def _kind(node: Mapping[str, Any]) -> str:
    count = len(node.get("executions", ()))
    return f"task of {count}" if node.get("kind") == "task" and count else str(node.get("kind", ""))


def _states(node: Mapping[str, Any] | None) -> str:
    """Return a node's state, and how many of its executions have another."""
    if node is None:
        return _ABSENT
    others = [one["state"] for one in node.get("executions", ()) if one["state"] != node["state"]]
    counts = ", ".join(f"{others.count(state)} {state}" for state in dict.fromkeys(others))
    return f"{node['state']} ({counts})" if counts else str(node["state"])


def _files(left: Mapping[str, Any], right: Mapping[str, Any]) -> str:
    mine, theirs = _digests(left), _digests(right)
    if not mine and not theirs:
        return _ABSENT
    if mine == theirs:
        return f"{len(mine)} equal"
    changed = sum(mine.get(place) != theirs.get(place) for place in {*mine, *theirs})
    return f"{changed} of {len({*mine, *theirs})} DIFFER"


def _digests(node: Mapping[str, Any]) -> dict[tuple[int, str], tuple[int, str]]:
    return {
        (one["index"], file["path"]): (file["size"], file["sha256"])
        for one in node.get("executions", ())
        for file in one["outputs"]
    }
