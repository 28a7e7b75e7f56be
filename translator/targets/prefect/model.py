"""Define the model of a flow's file: names are identifiers, expressions are for ``translator.targets.render``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from translator.targets.constants import Constant
    from translator.targets.render import Expression


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a form group, or an argument of the flow: ``name: annotation = default``.

    A ``required`` one has no default.
    """

    name: str
    annotation: str
    default: Expression
    required: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """A class of the parameter form; ``node`` as the source file spells it.

    ``constant`` and ``points`` are the explicit points of a manual search. ``base`` is its base class.
    """

    name: str
    node: str
    doc: tuple[str, ...]
    fields: tuple[Field, ...]
    constant: str | None = None
    points: Expression = None
    base: str = "NodeParameters"

    @property
    def required(self) -> bool:
        """Return whether a run must give one of the fields."""
        return any(field.required for field in self.fields)


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of the flow for a pipeline parameter; ``plain`` is its type without bounds and choices."""

    field: Field
    plain: str


@dataclass(frozen=True, slots=True)
class NodeFunction:
    """A node: its function (``head`` is the ``def`` line), and the statement that submits it.

    ``run`` runs the step of an execution node once; ``grid`` is the grid of a task node. ``guard`` is the condition
    under which the node is skipped, and ``reason`` the message then. ``in_batches``: the grid is a list of
    points at a time. ``in_group``: its points are the members of a distributed task.
    """

    decorator: str
    head: str
    doc: tuple[str, ...]
    executions: Expression
    job: Expression
    run: Expression
    grid: Expression
    submit: str
    guard: str | None = None
    reason: str = ""
    in_batches: bool = False
    in_group: bool = False


@dataclass(frozen=True, slots=True)
class Flow:
    """The flow function.

    ``threads`` is the number of concurrent nodes, ``threads_reason`` a comment on it, and ``limited`` tells whether
    fewer of them run a step.
    """

    name: str
    title: str
    place: str
    doc: tuple[str, ...]
    arguments: tuple[Field, ...]
    run: Expression
    threads: int
    threads_reason: str
    limited: bool
    options: tuple[tuple[str, Expression], ...] = ()
    on_crashed: Expression = None

    @property
    def required(self) -> bool:
        """Return whether a run must give one of the arguments."""
        return any(argument.required for argument in self.arguments)


@dataclass(frozen=True, slots=True)
class Frame:
    """The parts that the files of all flows have: the marker, imports, constants and the flow itself."""

    marker: str
    imports: tuple[str, ...]
    project: tuple[str, ...]
    constants: tuple[Constant, ...]
    flow: Flow


@dataclass(frozen=True, slots=True)
class FlowFile(Frame):
    """The file of a dataflow graph; ``nodes`` are in the order of the source file, ``submitted`` in one that runs.

    ``earlier`` are the statements that refer to nodes that are left out.
    """

    aliases: tuple[str, ...]
    groups: tuple[Group, ...]
    nodes: tuple[NodeFunction, ...]
    submitted: tuple[str, ...]
    earlier: tuple[str, ...] = ()
