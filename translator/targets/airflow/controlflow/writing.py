"""Write the source text of the DAG file of a control-flow graph from its model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator.targets import render
from translator.targets.airflow.writing import framed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from translator.targets.airflow.controlflow.model import ControlFlowFile, Line


def dag_source(file: ControlFlowFile) -> Iterator[str]:
    """Yield the text of the DAG file."""
    yield from framed(file, map(_written, file.lines))


def _written(line: Line) -> str:
    before = f"{line.indent}{line.before}"
    return f"{before}{line.after}" if line.value is None else render.line(before, line.value, line.after)
