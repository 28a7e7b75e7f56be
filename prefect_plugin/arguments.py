"""From values by the names of the source file (``NAME``, ``NODE.PARAMETER``) to the arguments of a generated flow."""

from __future__ import annotations

import inspect
import typing
from typing import TYPE_CHECKING, Any

from prefect_plugin.parameters import NodeParameters

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefect import Flow


class ArgumentError(ValueError):
    """The flow takes no such value; the message is for the user."""


def arguments_of(flow: Flow[..., Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with which to call ``flow``.

    Args:
        flow: a generated flow.
        values: values by ``NAME`` of a pipeline parameter or ``NODE.PARAMETER``. A single value for an argument that
            takes a list only (an axis of a grid) becomes a list of one.

    Raises:
        ArgumentError: the flow takes none of that name.
    """
    arguments: dict[str, Any] = {}
    taken = inspect.signature(flow.fn).parameters
    names = {_title(argument): argument for argument in taken.values()}
    groups = {group.node: argument for argument in taken.values() if (group := _group(argument.annotation))}
    for name, value in values.items():
        if name in names and not _group(names[name].annotation):
            argument = names[name]
            arguments[argument.name] = _fitting(argument.annotation, value)
            continue
        node, _, parameter = name.partition(".")
        if node not in groups or not parameter:
            raise ArgumentError(_unknown(name, [*names, *groups]))
        argument = groups[node]
        group = _group(argument.annotation)
        assert group is not None  # noqa: S101 - as collected above
        fields = {field.alias or key: (key, field) for key, field in group.model_fields.items()}
        if parameter not in fields:
            raise ArgumentError(_unknown(name, [f"{node}.{known}" for known in fields]))
        key, field = fields[parameter]
        given = arguments.get(argument.name, argument.default)
        if isinstance(given, list):  # the points of a manual search: the value is for all of them
            arguments[argument.name] = [point.model_copy(update={key: value}) for point in given]
        else:
            known = given if isinstance(given, dict) else {}
            arguments[argument.name] = known | {field.alias or key: _fitting(field.annotation, value)}
    return arguments


def _title(argument: inspect.Parameter) -> str:
    """The argument's name in the source file."""
    for note in getattr(argument.annotation, "__metadata__", ()):
        if title := getattr(note, "title", None):
            return str(title)
    return argument.name


def _group(annotation: Any) -> type[NodeParameters] | None:  # noqa: ANN401 - whatever stands in a signature
    candidates = [annotation, *typing.get_args(annotation)]
    return next((item for item in candidates if isinstance(item, type) and issubclass(item, NodeParameters)), None)


def _fitting(annotation: Any, value: object) -> object:  # noqa: ANN401 - whatever stands in a signature
    """``value`` as a list of one if the annotation takes lists only."""
    if isinstance(value, (list, tuple)) or value is None:
        return value
    if typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    kinds = [kind for kind in _members(annotation) if kind is not type(None)]
    return [value] if kinds and all(typing.get_origin(kind) is list for kind in kinds) else value


def _members(annotation: Any) -> tuple[Any, ...]:  # noqa: ANN401 - whatever stands in a signature
    import types

    union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    return typing.get_args(annotation) if union else (annotation,)


def _unknown(name: str, known: list[str]) -> str:
    listed = ", ".join(repr(item) for item in known)
    return f"the flow has no parameter {name!r}" + (f"; it has {listed}" if known else " and takes none")
