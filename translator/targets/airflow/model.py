"""Define the model of a DAG file; every value is an expression for ``translator.targets.render``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from translator.targets.constants import Constant
    from translator.targets.render import Call, Expression

Arguments: TypeAlias = "tuple[tuple[str, Expression], ...]"
"""Keyword arguments of a call, in the order in which they are written."""


@dataclass(frozen=True, slots=True)
class PlainNode:
    """A node that is one task.

    ``place`` is where the source file has it, if its step does not say so; ``note`` explains its trigger rule.
    """

    variable: str
    place: str | None
    task: Call
    note: str | None = None


@dataclass(frozen=True, slots=True)
class GroupNode:
    """A node that is a task group: its grid if it must be computed, the step that runs, and the task that closes it.

    ``parts`` are the variables of its tasks (``names.part_variables``). ``starting`` evaluates actions before
    the node starts. Without ``done``, the step closes the node.
    ``mapped`` tells whether the step runs once per point of a grid, or ``members`` times as one group.
    ``waits_for_grid`` tells whether what closes the node asks for the state of the grid too, ``note`` explains when
    what closes the node lets others start, and ``purpose`` which executions the grid stands for. A node with
    ``batches`` runs that many times its grid, which chooses a batch of ``search``, and then its step.
    """

    variable: str
    place: str | None
    group: Call
    parts: Mapping[str, str]
    mapped: bool
    grid: Arguments | None
    step: Arguments
    done: Call | None
    starting: Call | None = None
    waits_for_grid: bool = False
    operator: str = "StepOperator"
    note: str | None = None
    purpose: str | None = None
    search: Call | None = None
    batches: int = 0
    members: int | None = None


@dataclass(frozen=True, slots=True)
class EarlierNode:
    """A node that is left out of this part of the pipeline, and that other nodes take files or values from."""

    variable: str
    place: str
    reference: Call


@dataclass(frozen=True, slots=True)
class VisualGroup:
    """Nodes that are shown as a group; without ``group``, nodes outside any group."""

    group: Call | None
    nodes: tuple[PlainNode | GroupNode, ...]


@dataclass(frozen=True, slots=True)
class OrderLine:
    """A line such as ``first >> [second, third]``.

    ``several`` are the names in its brackets, if it has any; ``note`` is a comment above it.
    """

    before: str
    several: tuple[str, ...]
    after: str
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """A DAG file without its tasks.

    ``imports`` are blocks of lines: of the standard library, and of everything else. ``comments`` stand
    above ``arguments`` of the DAG. ``late_params`` are its params if they are not among these.
    """

    marker: str
    imports: tuple[tuple[str, ...], ...]
    project: tuple[str, ...]
    constants: tuple[Constant, ...]
    outline: tuple[str, ...]
    arguments: Arguments
    comments: Mapping[str, str]
    late_params: Mapping[str, Expression]


@dataclass(frozen=True, slots=True)
class DagFile(Frame):
    """The DAG file of a dataflow graph."""

    finish: Call
    groups: tuple[VisualGroup, ...]
    order: tuple[OrderLine, ...]
    earlier: tuple[EarlierNode, ...] = ()
