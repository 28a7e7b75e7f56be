"""The data of a control-flow template: names are identifiers, heads and lines are Python."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from translator.targets.prefect.model import Flow
    from translator.targets.render import Expression


@dataclass(frozen=True, slots=True)
class StepTask:
    """A step's task: ``name = made``."""

    name: str
    place: str
    made: Expression


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the file, with the decorator that makes it a branch or a node, if any."""

    place: str | None
    decorator: Expression
    head: str
    doc: tuple[str, ...] | None
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ControlFlowFile:
    """A whole generated file; ``blocks`` in an order in which each can use those before it, ``lines`` of the flow."""

    marker: str
    imports: tuple[str, ...]
    project: str
    blocks: tuple[StepTask | Function, ...]
    flow: Flow
    lines: tuple[str, ...]
