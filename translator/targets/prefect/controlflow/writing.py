"""Write the source text of the flow of a control-flow graph from its model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator.targets.prefect.controlflow.model import StepTask
from translator.targets.prefect.writing import framed
from translator.targets.render import docstring, line, outline_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from translator.targets.prefect.controlflow.model import ControlFlowFile, Function

_MARGIN = " " * 4


def flow_source(file: ControlFlowFile) -> Iterator[str]:
    """Yield the text of the flow."""
    yield from framed(file, _functions(file), file.lines, " as start")


def _functions(file: ControlFlowFile) -> Iterator[str]:
    if file.outline:
        yield from outline_lines(file.outline)
    previous: StepTask | Function | None = None
    for block in file.blocks:
        if not isinstance(block, StepTask):
            yield from ("", "", *_function(block))
        else:
            if previous is None:
                yield ""
            elif not isinstance(previous, StepTask):
                yield from ("", "")
            yield line(f"{block.name} = ", block.task, "" if block.reached else "  # unreachable")
        previous = block


def _function(function: Function) -> Iterator[str]:
    if function.decorator:
        yield function.decorator
    yield function.head
    yield f"{_MARGIN}{docstring(function.doc)}"
    for statement in function.lines:
        yield f"{_MARGIN}{statement}"
