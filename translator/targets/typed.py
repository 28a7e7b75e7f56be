"""Gives the values of a pipeline file the types that their parameters have, as they are once a run reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from translator.shim.parameters import ParameterError, coerce

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from translator import ir
    from translator.shim.contract import Parameter as ShimParameter


def typed(parameter: ir.Parameter, value: object) -> ir.Value:
    """Give ``value`` the type of ``parameter``: ``"1e-3"``, a text in YAML 1.1, is the number 0.001 of a float.

    A value that the parameter cannot take stays as it is; ``translator.checks`` reports it.
    """
    try:
        return _frozen(coerce(cast("ShimParameter", parameter), value))
    except ParameterError:
        return _frozen(value)


def typed_for_all(parameters: Sequence[ir.Parameter], value: object) -> ir.Value:
    """Give ``value`` the type that it has for all of ``parameters``; where they disagree it stays as it is.

    Args:
        parameters: the parameters that it sets.
        value: a value, or a list of values where one of the parameters is an axis.
    """
    if isinstance(value, (list, tuple)):
        return tuple(cast("ir.Scalar", typed_for_all(parameters, item)) for item in value)
    found = [typed(parameter, value) for parameter in parameters]
    # One of several values of a ``multiple`` parameter comes back as a list of one.
    atoms = [atom[0] if isinstance(atom, tuple) and len(atom) == 1 else atom for atom in found]
    alike = {(type(atom), atom) for atom in atoms}
    return atoms[0] if len(alike) == 1 else cast("ir.Scalar", value)


def atoms(value: object) -> Iterator[ir.Scalar]:
    """The single values in a value that may be a list of lists, without those that are missing."""
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from atoms(item)
    elif value is not None:
        yield cast("ir.Scalar", value)


def _frozen(value: object) -> ir.Value:
    return cast("ir.Value", tuple(_frozen(item) for item in value) if isinstance(value, (list, tuple)) else value)
