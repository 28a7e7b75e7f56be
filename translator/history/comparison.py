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
_OF_EXECUTION = ("started", "ended", "log")
_ABSENT = "-"


@dataclass(frozen=True, slots=True)
class Row:
    """A node in both runs: its state on each side, and what its output files are."""

    name: str
    kind: str
    left: str
    right: str
    files: str = ""


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


def values(left: Record, right: Record) -> list[tuple[str, str, object, object]]:
    """Return execution, name, and the value in each run of every parameter and metric that differs."""
    mine = {one.name: one.entry for one in executions(left)}
    theirs = {one.name: one.entry for one in executions(right)}
    changed = []
    for name in [*mine, *(name for name in theirs if name not in mine)]:
        for of in ("parameters", "metadata"):
            one, other = (side.get(name, {}).get(of, {}) for side in (mine, theirs))
            keys = [*one, *(key for key in other if key not in one)]
            changed += [
                (name, key, one.get(key), other.get(key)) for key in keys if not _same(one.get(key), other.get(key))
            ]
    return changed


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


def _differences(left: object, right: object, where: str) -> Iterator[Difference]:
    if isinstance(left, dict) and isinstance(right, dict):
        for key in {**left, **right}:
            yield from _differences(left.get(key), right.get(key), f"{where}.{key}")
    elif isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        for index, pair in enumerate(zip(left, right, strict=True)):
            yield from _differences(*pair, f"{where}[{index}]")
    elif not _same(left, right):
        yield Difference(where.removeprefix("."), left, right)


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


def _digests(node: Mapping[str, Any]) -> dict[tuple[int, str], str]:
    return {
        (one["index"], file["path"]): file["sha256"] for one in node.get("executions", ()) for file in one["outputs"]
    }
