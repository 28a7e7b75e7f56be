"""Write the types of values in Prefect's parameter form as annotations of the generated file."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from translator import ir
from translator.names import free, slug
from translator.runtime import atoms
from translator.targets.prefect.text import camel
from translator.targets.render import call, literal

if TYPE_CHECKING:
    from collections.abc import Sequence

NUMBER = "Number"
"""The type of the form for floating-point numbers: an integer stays an integer."""
AXIS = "Axis"
"""The type of the form for an axis, or the points of a grid: a list that is not empty."""
FILES = "Files"
"""The type of the form for the files of an input: a list of URIs that is not empty."""
SEQUENCE = "Sequence"
"""The type of the form for other lists, and of lists in the functions of nodes."""
INLINE = 48
"""The maximum width of an inline type; a longer type gets a name."""

_TYPES = {
    ir.ParameterType.STRING: "str",
    ir.ParameterType.INTEGER: "int",
    ir.ParameterType.FLOAT: NUMBER,
    ir.ParameterType.FLAG: "bool",
}


@dataclass(slots=True)
class Aliases:
    """Types that get a name in the generated file, by their text; ``taken`` are names that the file needs itself."""

    taken: set[str]
    names: dict[str, str] = field(default_factory=dict)

    def name(self, annotation: str, parameter: str) -> str:
        """Return the name of a type, made from that of the first parameter that has it."""
        if annotation not in self.names:
            self.names[annotation] = free(camel(slug(parameter)), self.taken)
            self.taken.add(self.names[annotation])
        return self.names[annotation]


def plain_type(parameters: Sequence[ir.Parameter], file_values: object) -> str:
    """Return the type of one value for all of ``parameters``, without bounds and choices.

    Args:
        parameters: the parameters that get the value.
        file_values: the value in the file, which the type must accept. It may be invalid; then the run reports it, as
            on any engine.
    """
    types = dict.fromkeys(_TYPES[parameter.type] for parameter in parameters)
    values = list(atoms(file_values))
    others = [atom for atom in values if not any(_admits(name, atom) for name in types)]
    types |= dict.fromkeys(NUMBER if isinstance(atom, float) else type(atom).__name__ for atom in others)
    return " | ".join(types or ("str",))


def bounded_type(parameters: Sequence[ir.Parameter], file_values: object) -> str:
    """Return the type of one value for all of ``parameters``, with the bounds or choices that they have in common."""
    text = plain_type(parameters, file_values)
    if not parameters or any(_rules(parameter) != _rules(parameters[0]) for parameter in parameters):
        return text
    if choices := _choices(parameters[0], file_values):
        return choices
    limits = limits_of(parameters[0], file_values)
    if not limits:
        return text
    field = literal(call("Field", **limits))
    # Bounds next to the float itself are part of the form; around ``as_written`` they would not be.
    return f"Annotated[float, {field}, as_written]" if text == NUMBER else f"Annotated[{text}, {field}]"


def limited_type(parameter: ir.Parameter, file_values: object) -> str:
    """Return the type of one value, with choices; bounds are for the field itself, where ``limits_of`` gives them."""
    return _choices(parameter, file_values) or plain_type([parameter], file_values)


def limits_of(parameter: ir.Parameter, file_values: object) -> dict[str, object]:
    """Return bounds, and choices that types cannot express, as arguments of pydantic's ``Field``.

    There are none if the file itself violates them, because its value must reach the run.
    """
    values = list(atoms(file_values))
    if parameter.choices:
        fit = not _sayable(parameter) and all(atom in parameter.choices for atom in values)
        return {"json_schema_extra": {"enum": list(parameter.choices)}} if fit else {}
    low = -math.inf if parameter.minimum is None else parameter.minimum
    high = math.inf if parameter.maximum is None else parameter.maximum
    if not all(isinstance(atom, int | float) and low <= atom <= high for atom in values):
        return {}
    limits = {"ge": parameter.minimum, "le": parameter.maximum}
    return {key: _number(value) for key, value in limits.items() if value is not None}


def _choices(parameter: ir.Parameter, file_values: object) -> str | None:
    if not _sayable(parameter) or any(atom not in parameter.choices for atom in atoms(file_values)):
        return None
    return f"Literal[{', '.join(literal(choice) for choice in parameter.choices)}]"


def _sayable(parameter: ir.Parameter) -> bool:
    """Return whether ``Literal`` can list the choices; it does not accept floating-point numbers."""
    return bool(parameter.choices) and all(isinstance(choice, str | int) for choice in parameter.choices)


def _rules(parameter: ir.Parameter) -> tuple[object, ...]:
    return (parameter.type, parameter.choices, parameter.minimum, parameter.maximum)


def _admits(kind: str, value: object) -> bool:
    """Return whether pydantic accepts ``value`` for ``kind`` without changing its meaning."""
    return type(value).__name__ == kind or (kind == NUMBER and type(value) in (int, float))


def _number(value: float) -> float:
    return int(value) if float(value).is_integer() else value
