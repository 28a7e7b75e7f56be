"""Represent a Loom file as data, before references are resolved."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from translator.ir import Gate
    from translator.span import Span

TASK, CONDITION, SWITCH, COLLECT = "task", "condition", "switch", "collect"


@dataclass(frozen=True, slots=True)
class Slot:
    """A named value of a step: an input, an output by its flag, or an argument by its flag."""

    name: str
    value: object
    span: Span

    @property
    def reference(self) -> str | None:
        """The name that ``$name`` refers to; None for a literal."""
        text = self.value
        return text[1:] if isinstance(text, str) and text.startswith("$") and not text.startswith("${") else None


@dataclass(frozen=True, slots=True)
class DataNode:
    """A named file or directory; ``path`` is relative to the one of ``parent`` if there is one."""

    name: str
    path: str
    span: Span
    type: str | None = None
    description: str | None = None
    parent: str | None = None
    outside: bool = False
    internal: bool = False
    """Whether it is a file of one iteration of ``multi_pass``, which the pipeline file does not name."""


@dataclass(frozen=True, slots=True)
class Loop:
    """A step's ``loop``."""

    over: Slot
    into: Slot
    parallel: bool | None = None
    pattern: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """An entry of the pipeline; ``kind`` is task, condition or switch, or collect for the end of a ``multi_pass``.

    ``gates`` and ``after`` are those that an iteration of ``multi_pass`` has in addition to its data; ``options`` are
    added to the step's options.
    """

    name: str
    span: Span
    kind: str = TASK
    script: str = ""
    script_span: Span | None = None
    inputs: tuple[Slot, ...] = ()
    outputs: tuple[Slot, ...] = ()
    args: tuple[Slot, ...] = ()
    optional: bool = False
    disabled: bool = False
    loop: Loop | None = None
    group: str | None = None
    predicate: str | None = None
    negate: bool = False
    condition: Slot | None = None
    data: Slot | None = None
    gates: tuple[Gate, ...] = ()
    after: tuple[str, ...] = ()
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MultiPass:
    """A group that runs several times; ``values`` are the parameters of each iteration."""

    name: str
    span: Span
    steps: tuple[Step, ...]
    values: tuple[Mapping[str, object], ...]
    condition: Step | None = None
    feedback: tuple[tuple[str, str, Span], ...] = ()


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the file."""

    name: str
    value: object
    span: Span


@dataclass(frozen=True, slots=True)
class File:
    """A whole file; ``entries`` are in its order. ``parallel`` is None if the file does not set it."""

    data: Mapping[str, DataNode]
    parameters: Mapping[str, Parameter]
    entries: tuple[Step | MultiPass, ...]
    parallel: bool | None = None
    max_workers: int | None = None
    output_dir: str = "output"
