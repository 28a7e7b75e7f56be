"""Define the model of the DAG file of a control-flow graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from translator.targets.airflow.model import Frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from translator.targets.render import Expression


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the body of a DAG; ``value``, if there is one, is between ``before`` and ``after``."""

    indent: str
    before: str
    value: Expression | None = None
    after: str = ""


@dataclass(frozen=True, slots=True)
class ControlFlowFile(Frame):
    """The DAG file of a control-flow graph."""

    lines: Sequence[Line]
