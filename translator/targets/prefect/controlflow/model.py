"""Define the context of the template for control-flow pipelines: names are identifiers, heads and lines are Python."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from translator.targets.constants import StepConstant
    from translator.targets.prefect.model import Flow
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
class ControlFlowFile:
    """A whole generated file; each of its ``blocks`` may use earlier ones, ``lines`` are those of the flow.

    ``outline`` shows the graph to a reader, with one line per node.
    """

    marker: str
    imports: tuple[str, ...]
    project: str
    steps: tuple[StepConstant, ...]
    outline: tuple[str, ...]
    blocks: tuple[StepTask | Function, ...]
    flow: Flow
    lines: tuple[str, ...]
