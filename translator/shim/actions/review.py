"""Describe executions in Markdown, for people who decide about an approval."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from translator.shim.files.sizes import size
from translator.shim.json_values.storable import sane

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROWS = 20
"""The maximum number of rows in a table."""
_WIDTH = 60


@dataclass(frozen=True, slots=True)
class Reviewed:
    """An execution to show: its node and index, what it printed, and the paths and sizes of its outputs."""

    node: str
    index: int
    parameters: Mapping[str, object] = field(default_factory=dict)
    metadata: Mapping[str, object] = field(default_factory=dict)
    outputs: Sequence[tuple[str, int]] = ()


def markdown(executions: Sequence[Reviewed]) -> str:
    """Return tables of the parameters, the metadata and the outputs of some executions.

    Args:
        executions: the executions.
    """
    if not executions:
        return "No execution before this has a result."
    rows = [(one.node, str(one.index), _values(one.parameters), _values(one.metadata)) for one in executions]
    files = [(one.node, str(one.index), path, size(of)) for one in executions for path, of in one.outputs]
    parts = [_table(("node", "execution", "parameters", "metadata"), rows)]
    if files:
        parts.append(_table(("node", "execution", "output", "size"), files))
    return "\n\n".join(parts)


def _values(values: Mapping[str, object]) -> str:
    return ", ".join(f"{key} = {_text(value)}" for key, value in values.items()) or "-"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([_cell(cell) for cell in row] for row in rows[:ROWS])]
    text = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    more = len(rows) - ROWS
    return f"{text}\n\n{more} more." if more > 0 else text


def _text(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(sane(value), ensure_ascii=False)
    return f"{text[:_WIDTH]}…" if len(text) > _WIDTH else text


def _cell(text: str) -> str:
    """Return text as code in a cell, which no content can end."""
    return f"`{''.join(_plain(text))}`"


def _plain(text: str) -> Iterator[str]:
    for character in text:
        yield "'" if character == "`" else "/" if character == "|" else character if character.isprintable() else " "
