"""Prefect's parameter form: which arguments a flow takes, of which types, with which bounds and choices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator import ir
from translator.names import identifiers
from translator.targets.prefect.model import Field, Group
from translator.targets.prefect.text import doc
from translator.targets.render import Call, Name, call, literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from translator.targets.render import Expression

_TYPES = {
    ir.ParameterType.STRING: "str",
    ir.ParameterType.INTEGER: "int",
    ir.ParameterType.FLOAT: "float",
    ir.ParameterType.FLAG: "bool",
}
_TAKEN_BY_PYDANTIC = {
    *("construct", "copy", "dict", "from_orm", "json", "parse_file", "parse_obj", "parse_raw", "schema"),
    *("schema_json", "update_forward_refs", "validate"),
    *("node", "values"),
}
"""What a field of a group may not be called, for its base class has it (a test compares this with pydantic)."""


class _Reserved:
    """Names that no field of a group may have."""

    def __contains__(self, name: object) -> bool:
        return name in _TAKEN_BY_PYDANTIC or str(name).startswith("model_")


def group_of(node: ir.StepNode, name: str, set_elsewhere: Iterable[str]) -> Group | None:
    """The group of the form for a node: the parameters of its step that no pipeline parameter sets.

    Args:
        node: the node.
        name: what the class is called.
        set_elsewhere: the parameters that pipeline parameters set.

    Returns:
        The group; None if nothing is left to be set.
    """
    hidden = set(set_elsewhere)
    parameters = [parameter for parameter in node.step.parameters if parameter.name not in hidden]
    if not parameters:
        return None
    names = identifiers([parameter.name for parameter in parameters], _Reserved())
    fields: tuple[Field, ...]
    if isinstance(node, ir.TaskNode) and is_axes(node):
        axes = {axis.parameter: axis.values for axis in node.grid.axes}
        fields = tuple(_axis_field(item, names[item.name], axes.get(item.name)) for item in parameters)
    else:
        fields = tuple(_field(item, names[item.name]) for item in parameters)
    return Group(name, node.name, tuple(doc(_what_group_is(node), 4)), fields)


def is_axes(node: ir.StepNode) -> bool:
    """Whether the form shows the parameters of a node as axes of a grid."""
    return isinstance(node, ir.TaskNode) and node.grid.kind is not ir.GridKind.ZIP


def group_kind(node: ir.StepNode) -> str:
    """What the class of a node's group is called after the node."""
    if isinstance(node, ir.TaskNode):
        return "Grid" if is_axes(node) else "Point"
    return "Parameters"


def points_of(node: ir.TaskNode, group: Group) -> list[Call]:
    """The explicit points of a manual search, as calls of the group's class."""
    shown = {parameter.name for parameter in node.step.parameters}
    names = identifiers([parameter.name for parameter in node.step.parameters if parameter.name in shown], _Reserved())
    fields = {field.name for field in group.fields}
    return [
        Call(
            Name(group.name),
            keywords=tuple((names[key], _plain(value)) for key, value in point.items() if names[key] in fields),
        )
        for point in node.grid.points
    ]


def pipeline_argument(
    parameter: ir.PipelineParameter, name: str, targets: Sequence[tuple[ir.StepNode, ir.Parameter]]
) -> Field:
    """The argument of the flow for a pipeline parameter.

    It takes a list where a target is a task node (the list is an axis there) or a parameter of several values; where
    other targets take one value, it takes either.

    Args:
        parameter: the pipeline parameter.
        name: the argument's name.
        targets: the parameters that it sets, with their nodes.
    """
    takes_list = [isinstance(node, ir.TaskNode) or target.multiple is not None for node, target in targets]
    default = parameter.default
    scalar = _scalar([target for _, target in targets], default)
    lists = any(takes_list) or isinstance(default, tuple)
    singles = not all(takes_list) or not takes_list
    annotation = " | ".join(text for text, there in ((scalar, singles), (f"list[{scalar}]", lists)) if there)
    if default is None:
        annotation += " | None"
    elif lists and not singles and not isinstance(default, tuple):
        default = (default,)
    if name != parameter.name:
        annotation = f"Annotated[{annotation}, {literal(call('Field', title=parameter.name))}]"
    return Field(name, annotation, _plain(default))


def _field(parameter: ir.Parameter, name: str) -> Field:
    default = parameter.default
    scalar = _scalar([parameter], default, annotated=parameter.multiple is not None)
    annotation = f"list[{scalar}]" if parameter.multiple is not None else scalar
    more = _limits(parameter) if parameter.multiple is None else {}
    return _finished(parameter, name, annotation, default, more)


def _axis_field(parameter: ir.Parameter, name: str, axis: tuple[ir.Value, ...] | None) -> Field:
    """A field for an axis: a list of values, of which one means no fan-out."""
    if axis is None:
        axis = () if parameter.default is None else (parameter.default,)
    scalar = _scalar([parameter], axis)
    annotation = f"list[list[{scalar}]]" if parameter.multiple is not None else f"list[{scalar}]"
    return _finished(parameter, name, annotation, axis or None, {})


def _finished(
    parameter: ir.Parameter, name: str, annotation: str, default: object, more: Mapping[str, object]
) -> Field:
    if default is None:
        annotation += " | None"
    alias = parameter.name if name != parameter.name else None
    keywords = {**more, "alias": alias, "description": parameter.description}
    if all(value is None for value in keywords.values()):
        return Field(name, annotation, _plain(default))
    return Field(name, annotation, call("Field", _plain(default), **keywords))


def _scalar(parameters: Sequence[ir.Parameter], seen: object, *, annotated: bool = True) -> str:
    """The type of one value for all of ``parameters``.

    Args:
        parameters: what the value is for.
        seen: values that the file gives, which the type must admit: a text parameter may well hold a number there.
        annotated: whether bounds are part of the type.
    """
    first = parameters[0]
    alike = all((p.choices, p.minimum, p.maximum) == (first.choices, first.minimum, first.maximum) for p in parameters)
    if alike and first.choices and all(isinstance(choice, (str, int)) for choice in first.choices):
        return f"Literal[{', '.join(literal(choice) for choice in first.choices)}]"
    types = dict.fromkeys(_TYPES[parameter.type] for parameter in parameters)
    if "str" in types:
        types |= dict.fromkeys(type(atom).__name__ for atom in _atoms(seen) if atom is not None)
    text = " | ".join(types)
    limits = _limits(first)
    if alike and annotated and limits:
        return f"Annotated[{text}, {literal(call('Field', **limits))}]"
    return text


def _limits(parameter: ir.Parameter) -> dict[str, object]:
    """Bounds and choices as keyword arguments of pydantic's ``Field``."""
    if parameter.choices:
        numbers = not all(isinstance(choice, (str, int)) for choice in parameter.choices)
        return {"json_schema_extra": {"enum": list(parameter.choices)}} if numbers else {}
    limits = {"ge": parameter.minimum, "le": parameter.maximum}
    return {key: _number(value) for key, value in limits.items() if value is not None}


def _number(value: float) -> float:
    return int(value) if float(value).is_integer() else value


def _plain(value: object) -> Expression:
    """Lists as people write them."""
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _atoms(value: object) -> Iterable[object]:
    if isinstance(value, tuple):
        for item in value:
            yield from _atoms(item)
    else:
        yield value


def _what_group_is(node: ir.StepNode) -> str:
    if isinstance(node, ir.ExecutionNode):
        return f"Parameters of {node.name}."
    if is_axes(node):
        return f"Grid of {node.name}: it runs once for each combination of these values."
    return f"A point of the grid of {node.name}: it runs once for each point."
