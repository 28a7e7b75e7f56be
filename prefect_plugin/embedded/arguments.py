"""Turn values by the names of the source file (``NAME``, ``NODE.PARAMETER``) into the arguments of a generated flow."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prefect_plugin.parameters.node_parameters import NodeInputs, NodeParameters
from translator.shim.contract import INPUTS_SECTION
from translator.shim.errors import TranslatorError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefect import Flow


class ArgumentError(TranslatorError, ValueError):
    """A value that the flow does not accept; the message is for the user."""


@dataclass(frozen=True, slots=True)
class _Place:
    """The destination of a value: an argument of the flow, or a field (by its alias) of a group."""

    argument: str
    annotation: Any
    field: str | None = None
    points: tuple[NodeParameters, ...] = ()


def arguments_of(flow: Flow[..., Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments with which to call ``flow``.

    Args:
        flow: a generated flow.
        values: values by ``NAME`` of a pipeline parameter, ``NODE.PARAMETER`` or ``NODE.inputs.INPUT``. A single value
            for an argument that takes lists only (an axis of a grid) becomes a list of one.

    Raises:
        ArgumentError: the flow has no parameter with that name.
    """
    places: dict[str, _Place] = {}
    for argument in inspect.signature(flow.fn).parameters.values():
        places |= _places(argument)
    if unknown := [repr(name) for name in values if name not in places]:
        known = ", ".join(repr(name) for name in places)
        raise ArgumentError(f"the flow has no parameter {', '.join(unknown)}" + (f"; it has {known}" if known else ""))
    arguments: dict[str, Any] = {}
    for name, value in values.items():
        place = places[name]
        fitted = _fitting(place.annotation, value)
        if place.field is None:
            arguments[place.argument] = fitted
        elif place.points:  # the points of a manual search: the value is for all of them
            points = arguments.setdefault(place.argument, [point.values() for point in place.points])
            arguments[place.argument] = [{**point, place.field: fitted} for point in points]
        else:
            arguments.setdefault(place.argument, {})[place.field] = fitted
    return arguments


def _places(argument: inspect.Parameter) -> dict[str, _Place]:
    """Return the values that an argument accepts, by their names in the source file."""
    annotation = argument.annotation
    inner = _bare(annotation)
    group = next((kind for kind in (inner, *typing.get_args(inner)) if _is_group(kind)), None)
    if group is None:
        titles = (getattr(note, "title", None) for note in getattr(annotation, "__metadata__", ()))
        title = next((title for title in titles if title), argument.name)
        return {title: _Place(argument.name, annotation)}
    points = tuple(argument.default) if isinstance(argument.default, (list, tuple)) else ()
    fields = ((field.alias or name, field.annotation) for name, field in group.model_fields.items())
    owner = f"{group.node}.{INPUTS_SECTION}" if issubclass(group, NodeInputs) else group.node
    return {f"{owner}.{name}": _Place(argument.name, kind, name, points) for name, kind in fields}


def _is_group(kind: Any) -> typing.TypeGuard[type[NodeParameters | NodeInputs]]:
    return isinstance(kind, type) and issubclass(kind, (NodeParameters, NodeInputs))


def _fitting(annotation: Any, value: object) -> object:
    """Return ``value`` as a list of one if the annotation accepts only lists."""
    if isinstance(value, (list, tuple)) or value is None:
        return value
    annotation = _bare(annotation)
    union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    kinds = [kind for kind in (typing.get_args(annotation) if union else (annotation,)) if kind is not type(None)]
    return [value] if all(typing.get_origin(_bare(kind)) in (list, Sequence) for kind in kinds) else value


def _bare(annotation: Any) -> Any:
    """Return a type without the metadata of ``Annotated``."""
    return typing.get_args(annotation)[0] if typing.get_origin(annotation) is typing.Annotated else annotation
