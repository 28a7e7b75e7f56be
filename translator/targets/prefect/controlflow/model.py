"""Define the model of the file of a control-flow graph: names are identifiers, heads and lines are Python."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from translator.targets.prefect.model import Frame

if TYPE_CHECKING:
    from translator.targets.render import Expression


@dataclass(frozen=True, slots=True)
class StepTask:
    """The task of a node that runs a step: ``name = task``."""

    name: str
    task: Expression
    reached: bool


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the file, with the decorator that makes it a branch or a node, if any."""

    decorator: str | None
    head: str
    doc: tuple[str, ...]
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ControlFlowFile(Frame):
    """The file of a control-flow graph; each of its ``blocks`` may use earlier ones, ``lines`` are those of the flow.

    ``outline`` shows the graph to a reader, with one line per node.
    """

    outline: tuple[str, ...]
    blocks: tuple[StepTask | Function, ...]
    lines: tuple[str, ...]
