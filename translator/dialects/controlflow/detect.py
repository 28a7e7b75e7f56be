"""Detect which of the two languages a file uses, and the name of its pipeline."""

from __future__ import annotations

from enum import StrEnum
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from translator.dialects import Source
    from translator.source import Located


class _Says(StrEnum):
    """The language that a part of a file indicates."""

    MAGNUS = "magnus"
    RUNNABLE = "runnable"


_TYPES = {
    "dag": _Says.MAGNUS,
    "as-is": _Says.MAGNUS,
    "conditional": _Says.RUNNABLE,
    "loop": _Says.RUNNABLE,
}
_KEYS = {
    "returns": _Says.RUNNABLE,
    "secrets": _Says.RUNNABLE,
    "reducer": _Says.RUNNABLE,
    "store_copy": _Says.RUNNABLE,
    "is_composite": _Says.RUNNABLE,
    "notebook_output_path": _Says.MAGNUS,
    "output_cell_tag": _Says.MAGNUS,
    "executor_config": _Says.MAGNUS,
    "retry": _Says.MAGNUS,
    "compute_data_folder": _Says.MAGNUS,
    "node_name": _Says.MAGNUS,
}
_COMMANDS = {
    "async-python": _Says.RUNNABLE,
    "container": _Says.MAGNUS,
    "python-lambda": _Says.MAGNUS,
}
_ENDS = ("success", "fail")


def is_pipeline(document: Located) -> bool:
    """Return whether a file is one of the two: a mapping with a ``dag``."""
    return document.get("dag") is not None


def language_of(document: Located) -> str:
    """Return the name of the language of a file that has a ``dag``.

    What only one of the two has decides: its types of steps, its keys, ``MAGNUS_`` or ``RUNNABLE_`` in a command. If
    the file has nothing of that, or something of both, the ends of the outermost graph decide: in Magnus they are
    steps of the file, in runnable they are implicit.
    """
    dialects = {says for step in _steps(document) for says in _given_away(step)}
    if len(dialects) == 1:
        return str(dialects.pop())
    graph = document.get("dag")
    steps = graph.get("steps") if graph else None
    ends = any(_text(step.get("type")) in _ENDS for step in (steps.entries or {}).values()) if steps else False
    return "magnus" if ends else "runnable"


def _given_away(step: Located) -> Iterator[_Says]:
    kind = _text(step.get("type"))
    if kind in _TYPES:
        yield _TYPES[kind]
    if kind == "stub":
        return  # it may hold anything
    for key in step.entries or {}:
        if key in _KEYS:
            yield _KEYS[key]
    catalog = step.get("catalog")
    for key in (catalog.entries or {}) if catalog else ():
        if key in _KEYS:
            yield _KEYS[key]
    commanded = _text(step.get("command_type"))
    if commanded in _COMMANDS:
        yield _COMMANDS[commanded]
    command = _text(step.get("command"))
    if "MAGNUS_" in command:
        yield _Says.MAGNUS
    if "RUNNABLE_" in command:
        yield _Says.RUNNABLE


def _steps(document: Located) -> Iterator[Located]:
    """Yield the steps of all graphs, each once, however often aliases repeat it."""
    graphs = [document.get("dag")]
    seen: set[int] = set()
    while graphs:
        graph = graphs.pop()
        if graph is None or id(graph) in seen:
            continue
        seen.add(id(graph))
        steps = graph.get("steps")
        for step in (steps.entries or {}).values() if steps else ():
            yield step
            graphs.append(step.get("branch"))
            branches = step.get("branches")
            graphs.extend((branches.entries or {}).values() if branches else ())


def _text(value: Located | None) -> str:
    return value.value if value is not None and isinstance(value.value, str) else ""


def name_of(file: str) -> str:
    """Return the name of a file's pipeline: the file's name without its suffix."""
    return PurePosixPath(file).stem or file


def pipeline_names(source: Source) -> tuple[str, ...]:
    """Return the name of the file's only pipeline."""
    return (name_of(source.name),) if source.root is not None and is_pipeline(source.root) else ()
