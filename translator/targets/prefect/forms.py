"""Build Prefect's parameter form: the arguments of a flow, and groups of parameters and of inputs for each node."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from translator import ir
from translator.launch_inputs import launch_inputs
from translator.names import identifiers
from translator.runtime import typed, typed_for_all
from translator.shim.json_values import thawed
from translator.targets.descriptions import described_parameters
from translator.targets.prefect.annotations import (
    AXIS,
    FILES,
    INLINE,
    NUMBER,
    SEQUENCE,
    Aliases,
    bounded_type,
    limited_type,
    limits_of,
    plain_type,
)
from translator.targets.prefect.model import Argument, Field, Group
from translator.targets.prefect.reserved import FIELDS
from translator.targets.prefect.text import docstring_of
from translator.targets.render import Call, Name, call, code, literal

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    from translator.launch_inputs import LaunchInput
    from translator.targets.render import Expression

SEARCHED = "Values to choose from in the search"
"""The content of a searching node's group; its name follows."""


def group_of(  # noqa: PLR0913, PLR0917 - all that is known of a node's form
    node: ir.StepNode,
    name: str,
    constant: str,
    set_elsewhere: Container[str],
    aliases: Aliases,
    edges: Sequence[ir.Edge] = (),
) -> Group | None:
    """Return the group of the form for a node: the parameters of its step that no pipeline parameter sets.

    Args:
        node: the node.
        name: the name of the class.
        constant: the name of the constant that holds the points of a manual search.
        set_elsewhere: the parameters that pipeline parameters set.
        aliases: receives types that are too long to write inline.
        edges: the edges that end in it.

    Returns:
        The group; None if it would be empty.
    """
    names = _field_names(node.step)
    axes = {axis.parameter: axis.values for axis in node.grid.axes} if isinstance(node, ir.TaskNode) else {}
    settable = {parameter.name for parameter in node.step.settable}
    fields = tuple(
        _axis(parameter, names[parameter.name], axes.get(parameter.name), aliases)
        if is_axes(node)
        else _single(parameter, names[parameter.name], aliases, _in_points(node, parameter))
        for parameter in described_parameters(node.step, edges)
        if parameter.name in settable and parameter.name not in set_elsewhere
    )
    if not fields:
        return None
    described = docstring_of(*_what_group_is(node))
    if group_kind(node) != "Point":
        return Group(name, node.name, described, fields)
    points = points_of(cast("ir.TaskNode", node), name, {field.name for field in fields})
    return Group(name, node.name, described, fields, constant, points)


def inputs_group(node: ir.StepNode, name: str, edges: Sequence[ir.Edge], earlier: Container[str] = ()) -> Group | None:
    """Return the group of the form for the inputs of a node whose files a run can be given; None if there are none.

    Args:
        node: the node.
        name: the name of the class.
        edges: the edges that end in it.
        earlier: the nodes that are left out.
    """
    names = identifiers([item.name for item in node.step.inputs], FIELDS, shadow_builtins=True)
    fields = tuple(_files(item, names[item.input.name]) for item in launch_inputs(node, edges, earlier))
    described = docstring_of(f"Files for the inputs of {code(node.name)}.", "They replace the defaults.")
    return Group(name, node.name, described, fields, base="NodeInputs") if fields else None


def is_axes(node: ir.StepNode) -> bool:
    """Return whether the form shows the parameters of a node as axes of a grid."""
    return isinstance(node, ir.TaskNode) and node.has_axes and node.grid.kind is not ir.GridKind.ZIP


def group_kind(node: ir.StepNode) -> str:
    """Return the name of the class of a node's group."""
    if isinstance(node, ir.TaskNode) and node.has_axes:
        return "Grid" if is_axes(node) else "Point"
    return "Parameters"


def points_of(node: ir.TaskNode, group: str, field_names: Container[str]) -> tuple[Call, ...]:
    """Return the explicit points of a manual search, as calls of the class of its group.

    Args:
        node: the node.
        group: the name of the class.
        field_names: the names of its fields.
    """
    names = _field_names(node.step)
    parameters = {parameter.name: parameter for parameter in node.step.parameters}
    points = [
        {key: thawed(typed(parameters[key], value)) for key, value in point.items() if names[key] in field_names}
        for point in node.grid.points
    ]
    if any(names[key] != key for point in points for key in point):  # type checkers only know fields by their aliases
        return tuple(call(f"{group}.model_validate", point) for point in points)
    return tuple(Call(Name(group), keywords=tuple(point.items())) for point in points)


def argument_of(
    parameter: ir.PipelineParameter, name: str, targets: Sequence[tuple[ir.StepNode, ir.Parameter]], aliases: Aliases
) -> Argument:
    """Return the argument of the flow for a pipeline parameter.

    It accepts a list if a target is in a task node (the list is an axis there) or has several values. It accepts a
    single value if a target does, or if the file has one. An axis must have a value, unless it is empty in the file.

    Args:
        parameter: the pipeline parameter.
        name: the argument's name.
        targets: the parameters that it sets, with their nodes.
        aliases: receives types that are too long to write inline.
    """
    default = typed_for_all([target for _, target in targets], parameter.default)
    axes = [isinstance(node, ir.TaskNode) and node.has_axes for node, _ in targets]
    takes_list = [axis or target.multiple is not None for axis, (_, target) in zip(axes, targets, strict=True)]
    lists = any(takes_list) or isinstance(default, tuple)
    singles = not all(takes_list) or not takes_list or (default is not None and not isinstance(default, tuple))
    filled = AXIS if any(axes) and default != () else SEQUENCE

    def either(scalar: str, several: str) -> str:
        kinds = ((scalar, singles), (f"{several}[{scalar}]", lists), ("None", default is None))
        return " | ".join(text for text, there in kinds if there)

    parameters = [target for _, target in targets]
    plain, bounded = plain_type(parameters, default), bounded_type(parameters, default)
    if bounded != plain and (len(bounded) > INLINE or (lists and singles)):
        bounded = aliases.name(bounded, parameter.name)
    annotation = either(bounded, filled)
    if name != parameter.name:
        annotation = f"Annotated[{annotation}, {literal(call('Field', title=parameter.name))}]"
    return Argument(Field(name, annotation, immutable(default)), either(plain.replace(NUMBER, "float"), SEQUENCE))


def immutable(value: object) -> Expression:
    """Return the default of an argument: a tuple for a list, because calls would share a list."""
    return tuple(thawed(item) for item in value) if isinstance(value, tuple) else thawed(value)


def _field_names(step: ir.Step) -> dict[str, str]:
    return identifiers([parameter.name for parameter in step.parameters], FIELDS, shadow_builtins=True)


def _in_points(node: ir.StepNode, parameter: ir.Parameter) -> tuple[ir.Value, ...]:
    """Return the values of a parameter in the points of a manual search."""
    points = node.grid.points if isinstance(node, ir.TaskNode) else ()
    return tuple(typed(parameter, point[parameter.name]) for point in points if parameter.name in point)


def _single(parameter: ir.Parameter, name: str, aliases: Aliases, elsewhere: tuple[ir.Value, ...]) -> Field:
    """Return a field for a value of an execution, or of a point; ``elsewhere`` are the values in points."""
    default = typed(parameter, parameter.default)
    seen, unset = (default, elsewhere), None in elsewhere
    if parameter.multiple is not None:
        scalar = _short(bounded_type([parameter], seen), parameter, aliases)
        return _finished(parameter, name, f"list[{scalar}]", default, unset=unset)
    if parameter.type is ir.ParameterType.FLOAT and not parameter.choices:
        annotation = _short(bounded_type([parameter], seen), parameter, aliases)
        return _finished(parameter, name, annotation, default, unset=unset)
    annotation = _short(limited_type(parameter, seen), parameter, aliases)
    return _finished(parameter, name, annotation, default, limits_of(parameter, seen), unset=unset)


def _axis(parameter: ir.Parameter, name: str, values: tuple[ir.Value, ...] | None, aliases: Aliases) -> Field:
    """Return a field for an axis: a list of values; a single value means no fan-out."""
    if values is None:
        values = () if parameter.default is None else (parameter.default,)
    values = tuple(cast("ir.Scalar", typed(parameter, value)) for value in values)
    scalar = _short(bounded_type([parameter], values), parameter, aliases)
    point = f"list[{scalar}]" if parameter.multiple is not None else scalar
    return _finished(parameter, name, f"{AXIS}[{point}]", values or None)


def _files(item: LaunchInput, name: str) -> Field:
    """Return a field for the files of an input; every run must give one that nothing else provides."""
    required, declared = item.required, item.input
    annotation = FILES if required or declared.default else f"{FILES} | None"
    alias = declared.name if name != declared.name else None
    keywords = [(key, value) for key, value in (("alias", alias), ("description", item.description)) if value]
    default = None if required else thawed(declared.default) or None
    if not keywords:
        return Field(name, annotation, default, required)
    present = keywords if required else [("default", default), *keywords]
    return Field(name, annotation, Call(Name("Field"), keywords=tuple(present)), required)


def _short(annotation: str, parameter: ir.Parameter, aliases: Aliases) -> str:
    return annotation if len(annotation) <= INLINE else aliases.name(annotation, parameter.name)


def _finished(  # noqa: PLR0913 - all that a field says
    parameter: ir.Parameter,
    name: str,
    annotation: str,
    default: object,
    limits: Mapping[str, object] | None = None,
    *,
    unset: bool = False,
) -> Field:
    """Return a field; ``unset``: a point of the file leaves the parameter without a value, like a default of None."""
    if default is None or unset:
        annotation += " | None"
    alias = parameter.name if name != parameter.name else None
    keywords = {**(limits or {}), "alias": alias, "description": parameter.description}
    present = [(key, value) for key, value in keywords.items() if value is not None]
    if not present:
        return Field(name, annotation, thawed(default))
    return Field(name, annotation, Call(Name("Field"), keywords=(("default", thawed(default)), *present)))


def _what_group_is(node: ir.StepNode) -> tuple[str, str]:
    """Return a summary of a node's group, and details."""
    if isinstance(node, ir.ExecutionNode) or not node.has_axes:
        return f"Parameters of {code(node.name)}.", ""
    if is_axes(node) and node.grid.search is not None:
        return f"{SEARCHED} {code(node.name)}.", "Each execution has one of each."
    if is_axes(node):
        return f"Grid of {code(node.name)}.", "The node runs once per combination of these values."
    return f"A point of the grid of {code(node.name)}.", "The node runs once per point."
