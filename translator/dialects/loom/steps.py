"""Translate a step of the file into a step of the IR, and record what it reads and writes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from translator import ir
from translator.diagnostics import Diagnostics
from translator.dialects.loom import model
from translator.dialects.loom.paths import is_url, normal, variables
from translator.dialects.loom.references import ITEM, OUTPUT, Names, Target, follow
from translator.shim.json_values import frozen

if TYPE_CHECKING:
    from translator.span import Span


@dataclass(frozen=True, slots=True)
class Use:
    """A path that a step reads or writes: the parameter that holds it, and its data node, if it has one."""

    step: str
    parameter: str
    path: str
    span: Span
    data: str | None = None
    name: str | None = None
    """The reference as written, which Loom uses to find the step that writes it."""


@dataclass(slots=True)
class Lowered:
    """A step of the IR with its connections: paths, pipeline parameters by name, and branches of switches.

    ``behind`` are switches that must not fail, whatever their verdicts.
    """

    source: model.Step
    step: ir.Step
    reads: list[Use] = field(default_factory=list)
    writes: list[Use] = field(default_factory=list)
    sets: list[tuple[str, ir.ParameterTarget]] = field(default_factory=list)
    branches: list[tuple[str, str, Span]] = field(default_factory=list)
    behind: list[str] = field(default_factory=list)
    files: ir.FileAxis | None = None


@dataclass(slots=True)
class _Parts:
    """The parts of a step while it is read."""

    source: model.Step
    names: Names
    diagnostics: Diagnostics
    parameters: list[ir.Parameter] = field(default_factory=list)
    inputs: list[ir.Input] = field(default_factory=list)
    outputs: list[ir.Output] = field(default_factory=list)
    reads: list[Use] = field(default_factory=list)
    writes: list[Use] = field(default_factory=list)
    sets: list[tuple[str, ir.ParameterTarget]] = field(default_factory=list)
    branches: list[tuple[str, str, Span]] = field(default_factory=list)
    behind: list[str] = field(default_factory=list)
    items: list[str] = field(default_factory=list)
    loop_outputs: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    arguments: dict[str, Any] = field(default_factory=dict)

    def input(self, slot: model.Slot, *, flag: str | None = None) -> None:
        """Add a path that the step reads; ``flag`` precedes it if it is an argument."""
        target = self.of_loop(slot) or follow(slot, self.names, self.diagnostics)
        if target is None:
            return
        path = self.path(slot, target, flag)
        self.inputs.append(ir.Input(slot.name, slot.span, (path,) if path else (), optional=True))
        if target.value is not _BOUND:
            self.reads.append(self.use(slot, path, target))

    def output(self, slot: model.Slot, *, flag: str | None = None) -> None:
        """Add a path that the step writes."""
        target = self.of_loop(slot) or follow(slot, self.names, self.diagnostics)
        if target is None:
            return
        path = self.path(slot, target, flag)
        if is_url(path):
            self.diagnostics.error("bad-output", f"a step cannot write to {path}", slot.span)
        self.outputs.append(ir.Output(slot.name, slot.span, path or None))
        if target.data is not None and self.names.data[target.data].outside:
            self.outside.append(slot.name)
        if target.value is not _BOUND:
            self.writes.append(self.use(slot, path, target))

    def argument(self, slot: model.Slot) -> None:
        """Add an argument: a path if it refers to data, otherwise a value."""
        target = self.of_loop(slot) or follow(slot, self.names, self.diagnostics)
        if target is None:
            return
        if target.value is _BOUND and slot.reference == OUTPUT:
            self.output(slot)
        elif target.value is _BOUND or target.data is not None:
            if isinstance(target.value, str) and is_url(target.value):
                message = f"Loom does not download URLs in arguments; make {slot.name!r} an input"
                self.diagnostics.error("url-in-argument", message, slot.span)
            self.input(slot, flag=slot.name)
        elif self.source.kind == model.CONDITION and isinstance(target.value, (list, dict)):
            self.arguments[slot.name] = frozen(target.value)
        else:
            self.value(slot, target)

    def value(self, slot: model.Slot, target: Target) -> None:
        """Add a value that is not a path."""
        kind, default = typed(target.value)
        if target.value is None and self.source.kind == model.CONDITION:
            default = None
        elif target.value is None or isinstance(target.value, (list, dict)):
            message = f"{slot.name!r} of step {self.source.name!r} is passed as the string {str(target.value)[:60]!r}"
            self.diagnostics.note("value-as-text", message, slot.span, hint="as Loom passes it")
        if self.parameter(slot, kind, default):
            self.set_by(slot, target)

    def of_loop(self, slot: model.Slot) -> Target | None:
        """Return the file of the loop, or the one derived from it."""
        if self.source.loop is None or slot.reference not in (ITEM, OUTPUT):
            return None
        names = self.items if slot.reference == ITEM else self.loop_outputs
        if slot.name not in names:
            names.append(slot.name)
        return Target(_BOUND)

    def path(self, slot: model.Slot, target: Target, flag: str | None) -> str:
        """Add the parameter that holds a path; return the path, empty if the loop sets it."""
        if target.value is _BOUND:
            self.parameter(slot, ir.ParameterType.STRING, None, pass_as=flag)
            return ""
        path = normal(str(target.value))
        if self.parameter(slot, ir.ParameterType.STRING, path, pass_as=flag):
            self.set_by(slot, target)
        return path

    def parameter(
        self, slot: model.Slot, kind: ir.ParameterType, default: ir.Value, *, pass_as: str | None = None
    ) -> bool:
        """Add a parameter; return whether its name was free."""
        if any(known.name == slot.name for known in self.parameters):
            message = f"step {self.source.name!r} has two arguments named {slot.name!r}"
            self.diagnostics.error("duplicate-name", message, slot.span)
            return False
        if slot.name.startswith("loop."):
            pass_as = ""
        self.parameters.append(
            ir.Parameter(slot.name, slot.span, kind, default, optional=default is None, pass_as=pass_as)
        )
        return True

    def set_by(self, slot: model.Slot, target: Target) -> None:
        """Record what sets the parameter: a pipeline parameter, and the branch of a switch that the step depends on."""
        name = target.parameter
        if target.data is not None and not self.names.data[target.data].internal:
            name = f"data.{target.data}"
        if name is not None:
            self.sets.append((name, ir.ParameterTarget(self.source.name, slot.name, slot.span)))
        if target.switch is not None and target.branch is not None:
            self.branches.append((target.switch, target.branch, slot.span))
            self.behind += target.behind

    def use(self, slot: model.Slot, path: str, target: Target) -> Use:
        """Return the use of a path that is read or written."""
        name = target.data or target.parameter
        return Use(self.source.name, slot.name, path, slot.span, target.data, name)


_BOUND = object()
"""The value of parameters that a loop sets."""


def lower(source: model.Step, names: Names, sequential: bool, diagnostics: Diagnostics) -> Lowered:  # noqa: FBT001
    """Read a task, a condition or the end of a ``multi_pass``.

    Args:
        source: the step.
        names: the names that its references can use.
        sequential: whether its loop, if it has one, runs one file after another.
        diagnostics: receives what is wrong.
    """
    parts = _Parts(source, names, diagnostics)
    kind = _KINDS[source.kind]
    for slot in source.inputs:
        target = follow(slot, names, Diagnostics()) if source.kind == model.CONDITION else None
        if source.kind == model.CONDITION and (target is None or target.data is None):
            parts.argument(slot)
        else:
            parts.input(slot)
    for slot in source.outputs:
        parts.output(slot)
    for slot in source.args:
        parts.argument(slot)
    axis = None
    if source.loop is not None:
        parts.input(source.loop.over)
        parts.output(source.loop.into)
        axis = ir.FileAxis(
            "loop.over",
            "loop.into",
            source.loop.pattern,
            tuple(parts.items),
            tuple(parts.loop_outputs),
            sequential,
        )
    options: dict[str, Any] = dict(source.options)
    if source.kind == model.CONDITION:
        options |= {"predicate": source.predicate} if source.predicate else {}
        options["negate"] = source.negate
        if parts.arguments:
            options["arguments"] = MappingProxyType(parts.arguments)
    if parts.outside:
        options["outside"] = tuple(parts.outside)
    texts = [source.script, *(parameter.default for parameter in parts.parameters)]
    step = ir.Step(
        name=source.name,
        span=source.span,
        command=(source.script,) if source.script else (),
        parameters=tuple(parts.parameters),
        inputs=tuple(parts.inputs),
        outputs=tuple(parts.outputs),
        required_environment=tuple(dict.fromkeys(name for text in texts for name in variables(text))),
        command_span=source.script_span,
        kind=kind,
        options=MappingProxyType(options),
    )
    return Lowered(source, step, parts.reads, parts.writes, parts.sets, parts.branches, parts.behind, axis)


_KINDS = {
    model.TASK: ir.StepKind.SCRIPT,
    model.CONDITION: ir.StepKind.CONDITION,
    model.COLLECT: ir.StepKind.COLLECT,
}


def typed(value: object) -> tuple[ir.ParameterType, ir.Scalar]:
    """Return the parameter type for a value of the file, and the value; non-scalars become strings."""
    match value:
        case bool():
            return ir.ParameterType.FLAG, value
        case int() if abs(value) <= ir.LARGEST_INTEGER:
            return ir.ParameterType.INTEGER, value
        case float() if math.isfinite(value):
            return ir.ParameterType.FLOAT, value
        case _:
            return ir.ParameterType.STRING, str(value)
