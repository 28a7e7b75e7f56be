"""Check the records of runs, and walk their nodes and executions.

A record is a ``run.json`` (docs/store.md). Whoever can write to a store can put anything there, so records are checked
before anything relies on their shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Record: TypeAlias = "Mapping[str, Any]"
"""A ``run.json``."""

DEEPEST = 50
"""The maximum depth of branches in a record."""
_TEXT = (str, type(None))
_EXECUTION = {
    "index": int,
    "state": str,
    "tries": int,
    "parameters": dict,
    "metadata": dict,
    "outputs": list,
    "reason": _TEXT,
}
_NODE = {"kind": str, "state": str}
_GRAPH = {"state": str, "nodes": dict}
_OUTPUT = {"path": str, "size": int, "sha256": str}
_RUN = {"pipeline": str, "run": str, "engine": str, "state": str, "started": _TEXT, "ended": _TEXT, "nodes": dict}


@dataclass(frozen=True, slots=True)
class Execution:
    """An execution in a record.

    Attributes:
        path: the names of the node and of what it is in: node, branch, node, ....
        kind: the kind of the node.
        entry: its entry in the record.
    """

    path: Sequence[str]
    kind: str
    entry: Mapping[str, Any]

    @property
    def node(self) -> str:
        """The path of the node, as engines and stores name it."""
        return ".".join(self.path)

    @property
    def name(self) -> str:
        """The display name, such as ``preprocess`` or ``train[1]``."""
        return f"{self.node}[{self.entry['index']}]" if self.kind == "task" else self.node

    @property
    def folder(self) -> str | None:
        """The directory of the attempt that counts, relative to that of the run; None if there is no log."""
        log = self.entry.get("log")
        return log.rpartition("/")[0] if isinstance(log, str) and log else None


def executions(record: Record) -> Iterator[Execution]:
    """Yield the executions of a run, in file order."""
    for path, node in nodes(record):
        for entry in node.get("executions", ()):
            yield Execution(path, node["kind"], entry)


def nodes(record: Record) -> Iterator[tuple[Sequence[str], Mapping[str, Any]]]:
    """Yield the nodes of a run with their paths; a composite node precedes those in its branches."""
    yield from _nodes(record["nodes"], ())


def _nodes(
    listed: Mapping[str, Mapping[str, Any]], above: tuple[str, ...]
) -> Iterator[tuple[Sequence[str], Mapping[str, Any]]]:
    for name, node in listed.items():
        path = (*above, name)
        yield path, node
        for branch, graph in node.get("branches", {}).items():
            yield from _nodes(graph["nodes"], (*path, branch))


def flaw(document: object) -> str | None:
    """Return what makes a document no record of a run, if anything does."""
    return next(_flaws(document), None)


def _flaws(document: object) -> Iterator[str]:
    if not isinstance(document, dict):
        yield "it is not an object"
    elif (wrong := _wrong(document, _RUN)) is not None:
        yield wrong
    else:
        yield from _flaws_of_nodes(document["nodes"], DEEPEST)


def _flaws_of_nodes(listed: Mapping[str, object], room: int) -> Iterator[str]:
    if not room:
        yield "it is nested too deep"
        return
    for name, node in listed.items():
        for flaw in _flaws_of_node(node, room):
            yield f"node {name!r}: {flaw}"


def _flaws_of_node(node: object, room: int) -> Iterator[str]:
    if not isinstance(node, dict):
        yield "it is not an object"
    elif (wrong := _wrong(node, _NODE)) is not None:
        yield wrong
    elif "branches" in node:
        yield from _flaws_of_branches(node["branches"], room)
    elif not isinstance(node.get("executions"), list):
        yield "it has no list of executions"
    else:
        for entry in node["executions"]:
            yield from _flaws_of_execution(entry)


def _flaws_of_branches(branches: object, room: int) -> Iterator[str]:
    if not isinstance(branches, dict):
        yield "its branches are not an object"
        return
    for graph in branches.values():
        wrong = _wrong(graph, _GRAPH)
        if wrong is not None:
            yield wrong
            return
        yield from _flaws_of_nodes(graph["nodes"], room - 1)


def _flaws_of_execution(entry: Any) -> Iterator[str]:
    wrong = _wrong(entry, _EXECUTION)
    if wrong is not None:
        yield wrong
        return
    for output in entry["outputs"]:
        if (wrong := _wrong(output, _OUTPUT)) is not None:
            yield wrong


def _wrong(document: object, types: Mapping[str, Any]) -> str | None:
    if not isinstance(document, dict):
        return "a part of it is not an object"
    for key, kind in types.items():
        if key not in document and kind is not _TEXT:
            return f"it has no {key!r}"
        value = document.get(key)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            return f"{key!r} has the wrong type"
    return None
