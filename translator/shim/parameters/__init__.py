"""Resolve the values of a step's parameters: types, bounds, choices and precedence.

``valohai_yaml`` is the authority on what a value may be. It is imported only where a value needs it.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, cast

from translator.shim.errors import TranslatorError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from valohai_yaml.objs.parameter import Parameter as VendorParameter

    from translator.shim.contract import Parameter, Scalar, Step, Value

_BOOLEANS = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False, "on": True, "off": False}


_EXACT = 2.0**53
"""Below this, a floating-point number represents an integer exactly."""
_WHOLE = re.compile("[-+]?[0-9]{1,15}", re.ASCII)


class ParameterError(TranslatorError, ValueError):
    """An invalid value of a parameter; the message is for the user and may have several lines."""


def coerce(parameter: Parameter, value: object) -> Value:
    """Convert ``value`` to the type of ``parameter``.

    Args:
        parameter: the parameter.
        value: a value from the source file, a trigger form, a command line or an edge; None means no value.

    Returns:
        The value: a list for a ``multiple`` parameter, else a scalar.

    Raises:
        ParameterError: it is of the wrong type, out of bounds or not among the choices.
    """
    if value is None:
        return None
    if parameter.multiple is None and isinstance(value, (list, tuple)):
        raise ParameterError(f"parameter {parameter.name!r} takes one value, not the list {list(value)!r}")
    atoms = [_atom(parameter, atom) for atom in (value if isinstance(value, (list, tuple)) else [value])]
    checked = _checked(parameter, atoms)
    return checked if parameter.multiple is not None else checked[0]


def resolve(step: Step, run_values: Mapping[str, Value], edge_values: Mapping[str, Value]) -> dict[str, Value]:
    """Return the value of each parameter of ``step``: its default, a value of the run, or of an edge.

    The last of these wins. A parameter without any has the value None.

    Args:
        step: the step, with the node's override and blueprint merged in.
        run_values: values by name from pipeline parameters or from a point of the grid.
        edge_values: values by name that edges bring.

    Raises:
        ParameterError: for all bad values at once, one line each.
    """
    overrides = {**run_values, **edge_values}
    problems = [
        f"step {step.name!r} has no parameter {name!r}"
        for name in overrides
        if all(name != parameter.name for parameter in step.parameters)
    ]
    values: dict[str, Value] = {}
    for parameter in step.parameters:
        try:
            values[parameter.name] = coerce(parameter, overrides.get(parameter.name, parameter.default))
        except ParameterError as error:
            problems.append(str(error))
    if problems:
        raise ParameterError("\n".join(problems))
    return values


def visible(step: Step, values: Mapping[str, Value]) -> dict[str, Value]:
    """Return the parameters of an execution as records and conditions see them, also if some values are bad.

    Args:
        step: the step.
        values: values by name.
    """
    try:
        return resolve(step, values, {})
    except ParameterError:
        return {parameter.name: values.get(parameter.name, parameter.default) for parameter in step.parameters}


def vendor(parameter: Parameter) -> VendorParameter:
    """Return the parameter as the vendor's library represents it."""
    from valohai_yaml.objs.parameter import Parameter as VendorParameter

    return VendorParameter(
        name=parameter.name,
        type=parameter.type,
        optional=parameter.optional,
        min=parameter.minimum,
        max=parameter.maximum,
        default=parameter.default,
        pass_as=parameter.pass_as,
        pass_true_as=parameter.pass_true_as,
        pass_false_as=parameter.pass_false_as,
        choices=cast("Any", list(parameter.choices) or None),
        multiple=parameter.multiple,
        multiple_separator=parameter.separator,
    )


def _atom(parameter: Parameter, atom: object) -> Scalar:
    """Undo what a form or JSON does to a value: 3.0 becomes an integer's 3, "true" a flag's True.

    A float parameter keeps an integer, because the command line shows it as written: ``--x=95``.
    """
    if isinstance(atom, float) and not math.isfinite(atom):
        raise ParameterError(f"parameter {parameter.name!r}: {atom} is not a finite number")
    if not isinstance(atom, (str, int, float)):
        raise ParameterError(f"parameter {parameter.name!r}: {atom!r} is not a string, a number or a boolean")
    if isinstance(atom, str) and "\x00" in atom:
        raise ParameterError(f"parameter {parameter.name!r}: the value contains a NUL character")
    if parameter.type == "integer" and isinstance(atom, float) and atom.is_integer() and abs(atom) < _EXACT:
        return int(atom)
    if parameter.type == "float" and isinstance(atom, str) and _WHOLE.fullmatch(atom.strip()):
        return int(atom)
    if parameter.type == "flag" and not isinstance(atom, bool) and str(atom).strip().lower() in _BOOLEANS:
        return _BOOLEANS[str(atom).strip().lower()]
    return atom


def _checked(parameter: Parameter, atoms: list[Scalar]) -> list[Scalar]:
    if _plain(parameter, atoms):
        return atoms
    from valohai_yaml.excs import ValidationErrors

    try:
        validated = vendor(parameter).validate(cast("Any", atoms if parameter.multiple else atoms[0]))
    except ValidationErrors as error:
        messages = "; ".join(str(message) for message in error)
        raise ParameterError(f"parameter {parameter.name!r}: {messages}") from None
    checked = cast("list[Scalar]", validated if isinstance(validated, list) else [validated])
    for atom in checked:
        if isinstance(atom, float) and not math.isfinite(atom):
            raise ParameterError(f"parameter {parameter.name!r}: {atom} is not a finite number")
    return [original if type(original) is int else atom for original, atom in zip(atoms, checked, strict=True)]


def _plain(parameter: Parameter, atoms: list[Scalar]) -> bool:
    """Return whether the vendor's check, which loads slowly, could neither change nor reject the values."""
    if parameter.minimum is not None or parameter.maximum is not None or parameter.choices:
        return False
    types: dict[str, tuple[type, ...]] = {"string": (str, int, float, bool), "integer": (int,), "float": (int, float)}
    return all(type(atom) in types.get(parameter.type, (bool,)) for atom in atoms)
