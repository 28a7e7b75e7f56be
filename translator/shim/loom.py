"""Build the steps of Loom in generated files: scripts with inputs, outputs and arguments.

They become the same ``Step`` as any other. A path is a text below ``inputs`` and ``outputs``; an argument that names a
path is ``path("...")``. ``$loop_item`` and ``$loop_output`` are ``ITEM`` and ``OUTPUT``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

from translator.shim.contract import FileAxis, Input, Parameter, Resources, Runner, Step
from translator.shim.json_values import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from translator.shim.contract import Json, Scalar, StepKind

VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
"""An environment variable in a path or an address."""
_TYPES: Mapping[type, Literal["string", "integer", "float", "flag"]] = {bool: "flag", int: "integer", float: "float"}
OVER, INTO = "loop.over", "loop.into"
"""The parameters that hold the directories of a loop, which the script does not get."""


class Bound(Enum):
    """A value that a loop gives to each execution."""

    ITEM = "$loop_item"
    OUTPUT = "$loop_output"


ITEM = Bound.ITEM
"""The file of an execution of a loop."""
OUTPUT = Bound.OUTPUT
"""The file with the same name in the directory that the loop writes into."""


@dataclass(frozen=True, slots=True)
class DataPath:
    """A path that is passed as an argument, behind its flag."""

    path: str


@dataclass(frozen=True, slots=True)
class OutsidePath:
    """A path outside the project directory that a step may write to."""

    path: str


Place: TypeAlias = str | Bound
Target: TypeAlias = str | Bound | OutsidePath
Argument: TypeAlias = "Scalar | DataPath | Bound"


@dataclass(frozen=True, slots=True)
class Loop:
    """The files that a script runs over, once each: those directly in ``over``, or those that match ``pattern``.

    ``parallel``: all at once; otherwise one at a time, until one fails.
    """

    over: str
    into: str | OutsidePath
    pattern: str | None = None
    parallel: bool = False


def path(path: str) -> DataPath:
    """Return an argument that is a path of the project."""
    return DataPath(path)


def outside(path: str) -> OutsidePath:
    """Return an output that may be outside the project; it stays there and is not an artifact."""
    return OutsidePath(path)


def script(  # noqa: PLR0913 - as in Loom's file
    name: str,
    task: str,
    *,
    loop: Loop | None = None,
    inputs: Mapping[str, Place] | None = None,
    outputs: Mapping[str, Target] | None = None,
    args: Mapping[str, Argument] | None = None,
    extra: Sequence[str] = (),
    in_place: bool = False,
    source: str | None = None,
) -> Step:
    """Return a step that calls a Python script.

    Args:
        name: the step's name.
        task: the script.
        loop: the files that it runs over.
        inputs: by name, the path that is the next argument.
        outputs: by flag, the path that follows it.
        args: by flag, its value; for a boolean, whether the flag is present.
        extra: arguments that come last.
        in_place: whether it runs in the project directory itself.
        source: the ``file:line`` that messages cite.
    """
    parts = _Parts()
    for key, place in (inputs or {}).items():
        parts.input(key, place)
    for flag, written in (outputs or {}).items():
        parts.output(flag, written)
    for flag, value in (args or {}).items():
        parts.argument(flag, value)
    if loop is not None:
        parts.input(OVER, loop.over, pass_as="")
        parts.output(INTO, loop.into, pass_as="")
    options: dict[str, Json] = {"extra": tuple(extra)} if extra else {}
    return parts.step(name, "script", (task,), options, in_place=in_place, source=source, loop=loop)


def condition(  # noqa: PLR0913 - as in Loom's file
    name: str,
    *,
    task: str | None = None,
    predicate: str | None = None,
    inputs: Mapping[str, str] | None = None,
    args: Mapping[str, Argument | Sequence[Json] | Mapping[str, Json]] | None = None,
    negate: bool = False,
    in_place: bool = False,
    source: str | None = None,
) -> Step:
    """Return a step that is true or false, by a predicate or a script's ``evaluate``.

    Args:
        name: the step's name.
        task: the script, if it is one.
        predicate: the predicate, if it is one.
        inputs: by keyword, the path that is given for it.
        args: by keyword, the value that is given for it.
        negate: whether to negate the verdict.
        in_place: whether it runs in the project directory itself.
        source: the ``file:line`` that messages cite.
    """
    parts = _Parts()
    for key, place in (inputs or {}).items():
        parts.input(key, place)
    others: dict[str, Json] = {}
    for key, value in (args or {}).items():
        if isinstance(value, (list, tuple, Mapping)):
            others[key] = frozen(value)
        else:
            parts.argument(key, value)  # type: ignore[arg-type]  # a string is not a sequence here
    options: dict[str, Json] = {"predicate": predicate} if predicate else {}
    options["negate"] = negate
    if others:
        options["arguments"] = others
    return parts.step(name, "condition", (task,) if task else (), options, in_place=in_place, source=source)


def collect(  # noqa: PLR0913 - as the others
    name: str,
    *,
    iterations: int,
    inputs: Mapping[str, str],
    outputs: Mapping[str, str | OutsidePath],
    in_place: bool = False,
    source: str | None = None,
) -> Step:
    """Return a step that copies the last iteration's files to the group's outputs.

    Args:
        name: the group's name.
        iterations: the maximum number of iterations.
        inputs: by ``NAME_iterI``, the path that iteration I writes.
        outputs: by name, the path to copy the file of the last iteration to.
        in_place: whether it runs in the project directory itself.
        source: the ``file:line`` that messages cite.
    """
    parts = _Parts()
    for key, place in inputs.items():
        parts.input(key, place)
    for key, written in outputs.items():
        parts.output(key, written)
    options: dict[str, Json] = {"iterations": iterations, "outputs": tuple(outputs)}
    return parts.step(name, "collect", (), options, in_place=in_place, source=source)


def at(  # noqa: PLR0913 - all but the step are keywords
    step: Step,
    *,
    image: str | None = None,
    environment: Mapping[str, str] | None = None,
    resources: Resources | None = None,
    runner: Runner | None = None,
    secret_variables: Mapping[str, str] | None = None,
) -> Step:
    """Return a step with its place: the image, the variables, the resources and the runner, as in ``Step``."""
    return replace(
        step,
        image=image,
        environment={**step.environment, **(environment or {})},
        resources=resources or step.resources,
        runner=runner,
        secret_variables=secret_variables or {},
    )


@dataclass(slots=True)
class _Parts:
    """The parts of a step, one by one in the order of its command line."""

    parameters: list[Parameter] = field(default_factory=list)
    inputs: list[Input] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    bound: dict[Bound, list[str]] = field(default_factory=lambda: {Bound.ITEM: [], Bound.OUTPUT: []})

    def input(self, name: str, place: Place, *, pass_as: str | None = None) -> None:
        self.inputs.append(Input(name, (place,) if isinstance(place, str) else (), optional=True))
        self.path(name, place, pass_as)

    def output(self, name: str, place: Target, *, pass_as: str | None = None) -> None:
        self.outputs.append(name)
        if isinstance(place, OutsidePath):
            self.outside.append(name)
            place = place.path
        self.path(name, place, pass_as)

    def path(self, name: str, place: Place, pass_as: str | None) -> None:
        default = None
        if isinstance(place, Bound):
            self.bound[place].append(name)
        else:
            default = place
        self.parameters.append(Parameter(name, default=default, optional=default is None, pass_as=pass_as))

    def argument(self, name: str, value: Argument) -> None:
        if value is Bound.OUTPUT:
            self.output(name, value)
        elif isinstance(value, Bound):
            self.input(name, value, pass_as=name)
        elif isinstance(value, DataPath):
            self.input(name, value.path, pass_as=name)
        else:
            kind = _TYPES.get(type(value), "string")
            self.parameters.append(Parameter(name, kind, value, optional=value is None))

    def step(  # noqa: PLR0913 - what is left of a step
        self,
        name: str,
        kind: StepKind,
        command: tuple[str, ...],
        options: Mapping[str, Json],
        *,
        in_place: bool,
        source: str | None,
        loop: Loop | None = None,
    ) -> Step:
        texts = [*command, *(one.default for one in self.parameters)]
        if self.outside:
            options = {**options, "outside": tuple(self.outside)}
        return Step(
            name=name,
            command=command,
            parameters=tuple(self.parameters),
            inputs=tuple(self.inputs),
            required_environment=tuple(
                dict.fromkeys(
                    variable for text in texts if isinstance(text, str) for variable in VARIABLE.findall(text)
                )
            ),
            source=source,
            dialect="loom",
            kind=kind,
            outputs=tuple(self.outputs),
            options={**options, "in_place": True} if in_place else options,
            files=self._axis(loop) if loop is not None else None,
        )

    def _axis(self, loop: Loop) -> FileAxis:
        items, outputs = (tuple(self.bound[which]) for which in Bound)
        return FileAxis(OVER, INTO, loop.pattern, items, outputs, not loop.parallel)
