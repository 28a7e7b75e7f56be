"""Define the context of the DAG template for control-flow graphs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from translator.targets.airflow.model import Arguments
    from translator.targets.constants import StepConstant
    from translator.targets.render import Expression


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the body of a DAG; ``value``, if there is one, is between ``before`` and ``after``."""

    indent: str
    before: str
    value: Expression | None = None
    after: str = ""


@dataclass(frozen=True, slots=True)
class ControlFlowFile:
    """A whole DAG file.

    ``imports`` are blocks of lines: of the standard library, and of everything else. ``comments`` stand
    above ``arguments`` of the DAG. ``late_params`` are its params if they are not among these.
    """

    marker: str
    imports: tuple[tuple[str, ...], ...]
    project: str
    steps: tuple[StepConstant, ...]
    outline: tuple[str, ...]
    arguments: Arguments
    comments: Mapping[str, str]
    late_params: Mapping[str, Expression]
    lines: Sequence[Line]
