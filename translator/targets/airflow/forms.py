"""Build the DAG's params, so that Airflow's trigger form can set the parameters and grids of a run.

``NODE.PARAMETER`` is a parameter of a node, in a section of the form named after the node. For a task node it is an
array, the axis of its grid. ``NODE.*`` is the list of parameter sets of a manual search. ``NODE.inputs.INPUT`` lists
the files of an input, in its own section. A parameter of the pipeline has its own name. Null means no value, so
the next source in the order of precedence applies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from translator import ir
from translator.launch_inputs import launch_inputs
from translator.nodes import step_nodes
from translator.runtime import atoms, typed, typed_for_all
from translator.shim.json_values import thawed
from translator.targets import reuse
from translator.targets.descriptions import described_parameters
from translator.targets.render import call

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

    from translator.launch_inputs import LaunchInput
    from translator.targets.render import Call

Schema: TypeAlias = "dict[str, Any]"
"""A JSON schema, as keywords of a Param."""

ALL = "*"

_TYPES = {
    ir.ParameterType.STRING: "string",
    ir.ParameterType.INTEGER: "integer",
    ir.ParameterType.FLOAT: "number",
    ir.ParameterType.FLAG: "boolean",
}
_JSON_TYPES = {bool: "boolean", int: "integer", float: "number"}


@dataclass(frozen=True, slots=True)
class Form:
    """The DAG params of a node, and by parameter of its step the source of its value.

    ``sets`` is the source of the parameter sets of a manual search, ``inputs`` by input that of its files.
    """

    params: Mapping[str, Call]
    parameters: Mapping[str, Call]
    inputs: Mapping[str, Call]
    sets: Call | None = None


def node_form(
    node: ir.StepNode,
    setters: Mapping[str, Sequence[ir.PipelineParameter]],
    edges: Sequence[ir.Edge] = (),
    earlier: Container[str] = (),
) -> Form:
    """Return the DAG params of a node.

    A parameter that a pipeline parameter always sets has no DAG param. A parameter with an edge has one: its value
    applies if the edge brings none, and its field says so.

    Args:
        node: the node.
        setters: by parameter, the pipeline parameters that set it.
        edges: the edges that end in parameters and inputs of the node.
        earlier: the nodes that are left out.
    """
    params: dict[str, Call] = {}
    parameters: dict[str, Call] = {}
    axes = {axis.parameter: axis.values for axis in node.grid.axes} if isinstance(node, ir.TaskNode) else {}
    sets = node.grid.points if isinstance(node, ir.TaskNode) and node.grid.kind is ir.GridKind.ZIP else ()
    in_sets = {name for point in sets for name in point}
    over = node.grid.files if isinstance(node, ir.TaskNode) else None
    loop_parameters = {*over.items, *over.outputs} if over is not None else ()
    drawn = node.grid.drawn if isinstance(node, ir.TaskNode) else ()
    settable = {parameter.name for parameter in node.step.settable} - {*loop_parameters, *drawn}
    for parameter in described_parameters(node.step, edges):
        setting = setters.get(parameter.name, ())
        keys = [setter.name for setter in setting]
        certain = any(setter.default is not None for setter in setting)
        if parameter.name in settable and not (certain or parameter.name in in_sets):
            keys.append(f"{node.name}.{parameter.name}")
            if isinstance(node, ir.TaskNode) and node.has_axes:
                params[keys[-1]] = _axis(node, parameter, axes.get(parameter.name, (parameter.default,)))
            else:
                params[keys[-1]] = _single(node, parameter)
        if keys:
            parameters[parameter.name] = call("dag_param", *keys)
    launched = launch_inputs(node, edges, earlier)
    files = {item.key: _files(item) for item in launched}
    inputs = {item.input.name: call("dag_param", item.key) for item in launched}
    if not sets:
        return Form({**params, **files}, parameters, inputs)
    all_sets = f"{node.name}.{ALL}"
    known = [parameter for parameter in node.step.parameters if parameter.name in in_sets]
    in_form = {all_sets: _sets(node, sets, known), **params, **files}
    return Form(in_form, parameters, inputs, call("dag_param", all_sets))


def params_of(pipeline: ir.Pipeline) -> dict[str, Call]:
    """Return the DAG params of the parameters of a pipeline, by name."""
    nodes = step_nodes(pipeline)
    return {
        declared.name: pipeline_param(declared, list(_targets(declared, nodes))) for declared in pipeline.parameters
    }


def reuse_param() -> Call:
    """Return the DAG param by which a run reuses results, or does not."""
    return call("Param", True, type="boolean", title=reuse.TITLE, description=reuse.DESCRIPTION)  # noqa: FBT003 - a default


def _targets(
    declared: ir.PipelineParameter, nodes: Mapping[str, ir.StepNode]
) -> Iterator[tuple[ir.StepNode, ir.Parameter]]:
    for target in declared.targets:
        node = nodes[target.node]
        yield from ((node, settable) for settable in node.step.parameters if settable.name == target.parameter)


def pipeline_param(declared: ir.PipelineParameter, targets: Sequence[tuple[ir.StepNode, ir.Parameter]]) -> Call:
    """Return the DAG param of a pipeline parameter.

    Args:
        declared: the pipeline parameter.
        targets: the parameters that it sets, with their nodes.
    """
    default = typed_for_all([parameter for _, parameter in targets], declared.default)
    schemas = [_schema(parameter, default) for _, parameter in targets]
    schema = schemas[0] if schemas and all(other == schemas[0] for other in schemas) else _any_of(schemas)
    if not targets and isinstance(default, bool):
        schema = {"type": "boolean"}
    if any(isinstance(node, ir.TaskNode) and node.has_axes for node, _ in targets) and "items" not in schema:
        schema = _with_lists(schema, first=isinstance(default, tuple)) | _filled(default)
    if default is not None and not isinstance(default, tuple) and schema["type"] == "array":
        default = (default,)
    if default in (None, ""):
        schema = _nullable(schema)
    return _param(thawed(default), schema, description=declared.description, section=declared.section)


def _single(node: ir.StepNode, parameter: ir.Parameter) -> Call:
    default = typed(parameter, parameter.default)
    schema = _schema(parameter, default)
    return _param(
        thawed(default),
        # The form sends null for an empty text.
        _nullable(schema) if default in (None, "") else schema,
        title=parameter.name,
        description=parameter.description,
        section=node.name,
    )


def _axis(node: ir.StepNode, parameter: ir.Parameter, values: Sequence[ir.Value]) -> Call:
    points = [typed(parameter, value) for value in values]
    schema = _schema(parameter, points)
    items = _nullable(schema) if None in points else schema
    return _param(
        thawed(points),
        {"type": "array", "items": items} | _filled(points),
        title=parameter.name,
        description=parameter.description,
        section=node.name,
    )


def _sets(node: ir.StepNode, sets: Sequence[Mapping[str, ir.Value]], parameters: Sequence[ir.Parameter]) -> Call:
    by_name = {parameter.name: parameter for parameter in parameters}
    rows = [
        {name: thawed(typed(by_name[name], value) if name in by_name else value) for name, value in row.items()}
        for row in sets
    ]
    items = {
        "type": "object",
        "properties": {
            parameter.name: _nullable(_schema(parameter, [row.get(parameter.name) for row in rows]))
            for parameter in parameters
        },
        "additionalProperties": False,
    }
    schema = {"type": "array", "items": items} | _filled(rows)
    return _param(rows, schema, title="parameter sets", section=node.name)


def _files(item: LaunchInput) -> Call:
    """Return the DAG param of an input: a list of URIs, without a default if every run must give it."""
    return call(
        "files_param",
        item.node,
        item.input.name,
        default=list(item.input.default) or None,
        required=item.required or None,
        description=item.description,
    )


def _filled(default: object) -> Schema:
    """Return the constraint that prevents an empty grid, unless it is empty in the file."""
    return {} if default in ((), []) else {"minItems": 1}


def _param(default: object, schema: Schema, **shown: str | None) -> Call:
    """Return the call of ``Param``; descriptions come last."""
    param = call("Param", default, **schema)
    return type(param)(param.function, param.arguments, (*param.keywords, *call("Param", **shown).keywords))


def _schema(parameter: ir.Parameter, file_values: object) -> Schema:
    """Return the schema of a value; that of a string also accepts the types of ``file_values``."""
    schema: Schema = {"type": _TYPES[parameter.type]}
    if parameter.type is ir.ParameterType.STRING:
        values = [*atoms(parameter.default), *atoms(file_values), *parameter.choices]
        others = [_JSON_TYPES[type(atom)] for atom in values if type(atom) in _JSON_TYPES]
        schema["type"] = _one_or_list(["string", *others])
    if parameter.choices:
        schema["enum"] = [thawed(typed(parameter, choice)) for choice in parameter.choices]
    if parameter.minimum is not None:
        schema["minimum"] = parameter.minimum
    if parameter.maximum is not None:
        schema["maximum"] = parameter.maximum
    return {"type": "array", "items": schema} if parameter.multiple else schema


def _nullable(schema: Schema) -> Schema:
    nullable = {**schema, "type": _one_or_list([*_types(schema), "null"])}
    if "enum" in schema:
        nullable["enum"] = [*schema["enum"], None]
    return nullable


def _with_lists(schema: Schema, *, first: bool) -> Schema:
    """Return a schema for a value, or a list of such values; a form takes the first type as the kind of its field."""
    types = [kind for kind in _types(schema) if kind != "array"]
    bounds = {key: value for key, value in schema.items() if key not in ("type", "enum")}
    return {"type": ["array", *types] if first else [*types, "array"], **bounds, "items": schema}


def _any_of(schemas: Sequence[Schema]) -> Schema:
    """Return a schema with the types that all ``schemas`` allow, without bounds; any plain value if there are none."""
    types = [kind for schema in schemas for kind in _types(schema)] or ["string", "number", "boolean", "array"]
    return {"type": _one_or_list(types)}


def _types(schema: Schema) -> list[str]:
    return [schema["type"]] if isinstance(schema["type"], str) else list(schema["type"])


def _one_or_list(types: Sequence[str]) -> str | list[str]:
    distinct = list(dict.fromkeys(types))
    return distinct[0] if len(distinct) == 1 else distinct
