"""From the pipeline to what the template of a flow needs: names, functions of nodes, and how they are submitted."""

from __future__ import annotations

import ast
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from translator import ir
from translator.names import identifiers
from translator.targets import render
from translator.targets.prefect import forms
from translator.targets.prefect import gates as gated
from translator.targets.prefect.annotations import Aliases
from translator.targets.prefect.model import Argument, Field, Flow, FlowFile, Group, NodeFunction, StepConstant
from translator.targets.prefect.order import incoming, sorted_nodes
from translator.targets.prefect.text import alias, camel, doc, free, imported, spread
from translator.targets.render import Call, Name, call, literal
from translator.targets.steps import lower_files, lower_step

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from translator.targets import GenerateOptions
    from translator.targets.render import Expression

_FUNCTIONS = {
    "allow_failure",
    "execution",
    "execution_node",
    "finish",
    "flow",
    "run_of",
    "skip",
    "task_node",
    "unmapped",
}
_LOCALS = {"axes", "job", "nodes", "parameters", "points", "tried", "wait_for"}
_CLASSES = {
    *(
        "Annotated",
        "Executions",
        "Field",
        "FileAxis",
        "Input",
        "Job",
        "Literal",
        "NodeParameters",
        "Parameter",
        "Path",
        "State",
    ),
    *("Step", "ThreadPoolTaskRunner"),
}
_METHODS = {
    ir.EdgeKind.ARTIFACT: "outputs",
    ir.EdgeKind.INPUT: "inputs",
    ir.EdgeKind.PARAMETER: "parameter",
    ir.EdgeKind.METADATA: "metadata",
}
_BANNED_IN_FLOW_NAMES = str.maketrans(dict.fromkeys("/%&><", "-"))
_GROUP_ARGUMENTS = {"Parameters": "parameters", "Grid": "axes", "Point": "points"}


@dataclass(frozen=True, slots=True)
class _Names:
    """What a generated file calls things, by the names of the source file; ``steps`` by name of the node."""

    arguments: Mapping[str, Argument]
    nodes: Mapping[str, str]
    functions: Mapping[str, str]
    groups: Mapping[str, Group | None]
    steps: Mapping[str, str]
    aliases: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Plan:
    """A pipeline looked at from its nodes: what ends in each, and which pipeline parameters set which parameter."""

    pipeline: ir.Pipeline
    nodes: Mapping[str, ir.StepNode]
    edges: Mapping[str, Sequence[ir.Edge]]
    setters: Mapping[str, Mapping[str, str]]


def lower(pipeline: ir.Pipeline, options: GenerateOptions) -> FlowFile:
    """What the template of a flow needs to know.

    Args:
        pipeline: a pipeline of execution and task nodes only, that has no cycle.
        options: what the file needs to know of its surroundings.
    """
    edges = incoming(pipeline)
    ordered = cast("list[ir.StepNode]", sorted_nodes(pipeline, edges))
    plan = _Plan(pipeline, {node.name: node for node in ordered}, edges, _setters(pipeline))
    constants, steps = _steps(pipeline)
    names = _names(plan, steps)
    functions = {node.name: _function(plan, node, names) for node in ordered}
    groups = tuple(group for node in pipeline.nodes if (group := names.groups[node.name]))
    flow = _flow(plan, names)
    return FlowFile(
        marker=render.marker(pipeline.file),
        imports=_imports(plan, names, constants, groups, flow),
        project=render.project_expression(options.project),
        steps=constants,
        aliases=tuple(alias(name, annotation) for annotation, name in names.aliases.items()),
        groups=groups,
        nodes=tuple(functions[node.name] for node in pipeline.nodes),
        submitted=tuple(functions[node.name].submit for node in ordered),
        flow=flow,
    )


def _setters(pipeline: ir.Pipeline) -> dict[str, dict[str, str]]:
    """By node and parameter, the pipeline parameter that sets it."""
    setters: dict[str, dict[str, str]] = {node.name: {} for node in pipeline.nodes}
    for parameter in pipeline.parameters:
        for target in parameter.targets:
            setters[target.node][target.parameter] = parameter.name
    return setters


def _steps(pipeline: ir.Pipeline) -> tuple[tuple[StepConstant, ...], dict[str, str]]:
    """A constant per different step, called after the step, or after the node where an override makes it another."""
    steps = {node.name: lower_step(cast("ir.StepNode", node).step, pipeline.dialect) for node in pipeline.nodes}
    titles: dict[str, str] = {}
    for name, step in steps.items():
        titles.setdefault(repr(step), step.name if step.name not in titles.values() else f"{step.name} for {name}")
    constants = identifiers(list(titles.values()), ("project",))
    return (
        tuple(
            StepConstant(constants[titles[key]].upper(), str(step.source), step)
            for key, step in {repr(step): step for step in steps.values()}.items()
        ),
        {name: constants[titles[repr(step)]].upper() for name, step in steps.items()},
    )


def _names(plan: _Plan, steps: Mapping[str, str]) -> _Names:
    pipeline = plan.pipeline
    reserved = _FUNCTIONS | _LOCALS
    parameters = identifiers([parameter.name for parameter in pipeline.parameters], reserved)
    nodes = identifiers([node.name for node in pipeline.nodes], reserved | set(parameters.values()))
    taken = {*parameters.values(), *nodes.values()} | _FUNCTIONS
    functions = {name: free(f"{identifier.rstrip('_')}_node", taken) for name, identifier in nodes.items()}
    titles = {name: camel(identifier) for name, identifier in nodes.items()}
    aliases = Aliases(_CLASSES | {f"{title}{kind}" for title in titles.values() for kind in _GROUP_ARGUMENTS})
    arguments = {
        item.name: forms.argument_of(item, parameters[item.name], _targets(plan, item), aliases)
        for item in pipeline.parameters
    }
    classes = set(_CLASSES)
    groups: dict[str, Group | None] = {}
    for node in cast("tuple[ir.StepNode, ...]", pipeline.nodes):
        title = free(f"{titles[node.name]}{forms.group_kind(node)}", classes)
        groups[node.name] = forms.group_of(node, title, _hidden(plan, node), aliases)
        classes.add(title)
    return _Names(arguments, nodes, functions, groups, steps, aliases.names)


def _hidden(plan: _Plan, node: ir.StepNode) -> set[str]:
    """The parameters that are not in a node's group of the form, because a pipeline parameter sets them.

    One that may have no value leaves those alone that the task blueprint sets.
    """
    hidden = plan.setters[node.name]
    if not isinstance(node, ir.TaskNode):
        return set(hidden)
    if node.grid.files is not None:
        return {*hidden, *node.grid.files.items, *node.grid.files.outputs}
    own = {axis.parameter for axis in node.grid.axes}.union(*node.grid.points)
    certain = {parameter.name for parameter in plan.pipeline.parameters if parameter.default is not None}
    return {name for name, setter in hidden.items() if setter in certain or name not in own}


def _targets(plan: _Plan, parameter: ir.PipelineParameter) -> list[tuple[ir.StepNode, ir.Parameter]]:
    """The parameters that a pipeline parameter sets, with their nodes."""
    return [
        (node, found)
        for target in parameter.targets
        for node in [plan.nodes[target.node]]
        for found in node.step.parameters
        if found.name == target.parameter
    ]


def _function(plan: _Plan, node: ir.StepNode, names: _Names) -> NodeFunction:
    """The function of a node, and the call that submits it."""
    group = names.groups[node.name]
    edges = plan.edges[node.name]
    carrying = dict.fromkeys(edge.source.node for edge in edges if edge.source.kind in _METHODS)
    carrying |= dict.fromkeys(gated.verdicts(node))
    setters = plan.setters[node.name]
    arguments: list[str] = []
    passed: list[str] = []
    if group:
        kind = forms.group_kind(node)
        annotation = group.name if kind != "Point" else f"list[{group.name}]"
        arguments.append(f"{_GROUP_ARGUMENTS[kind]}: {annotation}")
        passed.append(names.nodes[node.name])
    for source in carrying:
        arguments.append(f"{names.nodes[source]}: Executions")
        passed.append(f"{names.nodes[source]}={_future(plan.nodes[source])}")
    for setter in dict.fromkeys((*setters.values(), *gated.switches(node))):
        argument = names.arguments[setter]
        arguments.append(f"{argument.field.name}: {argument.plain}")
        passed.append(f"{argument.field.name}={argument.field.name}")
    if waited := [source for source in dict.fromkeys(edge.source.node for edge in edges) if source not in carrying]:
        passed.append(f"wait_for=[{', '.join(_future(plan.nodes[source]) for source in waited)}]")
    function = names.functions[node.name]
    values = {name: argument.field.name for name, argument in names.arguments.items()}
    guard, reason = gated.guard(node, names.nodes, values)
    return NodeFunction(
        decorator=_decorator(node),
        head=spread(f"def {function}(", arguments, "):"),
        retries=node.policy.tries - 1 if isinstance(node, ir.TaskNode) else 0,
        job=_job(plan, node, names),
        call=_call(node, group, _values(plan, node, names)),
        submit=_submit(f"nodes[{literal(node.name)}] = {function}", passed, gated.included(node, values)),
        guard=guard,
        reason=reason,
    )


def _submit(target: str, passed: Sequence[str], included: str | None) -> str:
    """The statement that submits a node, where it is part of the run."""
    if included is None:
        return spread(f"{target}.submit(", passed, ")", indent=8)
    submitted = spread(f"{target}.submit(", passed, ")", indent=12)
    return f"if {included}:\n            {submitted}\n        else:\n            {target}.leave_out()"


def _joins(node: ir.StepNode) -> bool:
    """Whether a node runs although nodes before it were skipped."""
    return node.step.kind is ir.StepKind.COLLECT


def _future(node: ir.StepNode) -> str:
    """The future of an upstream node, as an argument: one whose error lets others go on is passed even then."""
    future = f"nodes[{literal(node.name)}]"
    by_child_error = node.policy.on_child_error not in (None, ir.OnChildError.CONTINUE_AND_COMPLETE)
    if node.policy.on_error is ir.OnError.CONTINUE and (isinstance(node, ir.ExecutionNode) or by_child_error):
        return f"allow_failure({future})"
    return future


def _decorator(node: ir.StepNode) -> str:
    policy = node.policy
    keywords: dict[str, object] = {
        "name": node.name,
        "on_error": None if policy.on_error is ir.OnError.STOP_ALL else policy.on_error.value,
    }
    if isinstance(node, ir.ExecutionNode):
        keywords["retries"] = policy.tries - 1 or None
        keywords["joins"] = _joins(node) or None
    else:
        keywords["on_child_error"] = policy.on_child_error.value if policy.on_child_error else None
        one_by_one = node.grid.files is not None and node.grid.files.sequential
        keywords["max_workers"] = 1 if one_by_one else policy.concurrency
    if node.group is not None:
        keywords["tags"] = [node.group]
    items = [f"{name}={literal(value)}" for name, value in keywords.items() if value is not None]
    kind = "execution_node" if isinstance(node, ir.ExecutionNode) else "task_node"
    return spread(f"@{kind}(", items, ")", note=render.comment(node.span.place))


def _job(plan: _Plan, node: ir.StepNode, names: _Names) -> Call:
    inputs: dict[str, list[Expression]] = {}
    for edge in plan.edges[node.name]:
        if edge.target.kind is ir.EdgeKind.INPUT:
            inputs.setdefault(edge.target.key, []).append(_edge(edge, names))
    merge = node.merge_mode.value if inputs and node.merge_mode is not ir.MergeMode.REPLACE else None
    return call("Job", Name(names.steps[node.name]), inputs=inputs or None, merge=merge)


def _values(plan: _Plan, node: ir.StepNode, names: _Names) -> dict[str, Expression]:
    """What sets parameters of a node besides its group: pipeline parameters, and edges, which win."""
    values: dict[str, Expression] = {
        parameter: Name(names.arguments[setter].field.name) for parameter, setter in plan.setters[node.name].items()
    }
    for edge in plan.edges[node.name]:
        if edge.target.kind is ir.EdgeKind.PARAMETER:
            values[edge.target.key] = _edge(edge, names, default=values.get(edge.target.key))
    return values


def _edge(edge: ir.Edge, names: _Names, **keywords: Expression) -> Call:
    source = edge.source
    return call(f"{names.nodes[source.node]}.{_METHODS[source.kind]}", source.key, **keywords)


def _call(node: ir.StepNode, group: Group | None, values: Mapping[str, Expression]) -> Call:
    arguments: list[Expression] = [Name(_GROUP_ARGUMENTS[forms.group_kind(node)])] if group else []
    keywords: dict[str, Expression] = {}
    if values and group:
        arguments.append(values)
    elif values:
        keywords["more"] = values
    if isinstance(node, ir.ExecutionNode):
        return call("job.run", *arguments, **keywords)
    mapped = "tried.map" if node.policy.tries > 1 else "execution.map"
    if node.grid.files is None:
        points = call("job.grid", *arguments, **keywords)
    else:
        points = call("job.files", lower_files(node.grid.files), *arguments, **keywords)
    return call(mapped, points, call("unmapped", Name("job")))


def _flow(plan: _Plan, names: _Names) -> Flow:
    pipeline = plan.pipeline
    arguments = [argument.field for argument in names.arguments.values()]
    described = [
        (names.arguments[item.name].field.name, item.description or _what_it_sets(item, pipeline.nodes))
        for item in pipeline.parameters
    ]
    for node in cast("tuple[ir.StepNode, ...]", pipeline.nodes):
        if group := names.groups[node.name]:
            name = names.nodes[node.name]
            if forms.group_kind(node) == "Point":
                points = forms.points_of(cast("ir.TaskNode", node), group)
                arguments.append(Field(name, f"list[{group.name}]", points))
            else:
                arguments.append(Field(name, group.name, Call(Name(group.name))))
            described.append((name, f"{forms.group_kind(node)} of the node {node.name}."))
    lines = [*doc(f"{pipeline.name}.")]
    if described:
        lines += ["", "    Args:"]
        for argument, text in described:
            lines += doc(f"{argument}: {text}", 8)
    if len(lines) > 1:
        lines.append("    ")
    parameters = {name: Name(argument.field.name) for name, argument in names.arguments.items()}
    run = call("run_of", pipeline.name, project=Name("PROJECT"), parameters=parameters or None)
    name = identifiers([pipeline.name], _FUNCTIONS | {*names.functions.values()})[pipeline.name]
    return Flow(name, title_of(pipeline.name), render.comment(pipeline.span.place), tuple(lines), tuple(arguments), run)


def _what_it_sets(parameter: ir.PipelineParameter, nodes: Iterable[ir.Node]) -> str:
    included = [
        node.name
        for node in nodes
        if any(gate.excludes and gate.parameter == parameter.name for gate in node.policy.gates)
    ]
    if included and not parameter.targets:
        return f"Whether {', '.join(included)} is part of the run."
    return f"Sets {', '.join(f'{target.node}.{target.parameter}' for target in parameter.targets) or 'nothing'}."


def title_of(name: str) -> str:
    """The flow's name: Prefect refuses some characters; a digest keeps two such names apart."""
    title = name.translate(_BANNED_IN_FLOW_NAMES)
    return name if title == name and name else f"{title} {hashlib.sha256(name.encode()).hexdigest()[:6]}".strip()


def _imports(
    plan: _Plan, names: _Names, constants: Iterable[StepConstant], groups: Sequence[Group], flow: Flow
) -> tuple[str, ...]:
    """The import statements, in the order of import sorters; an empty string is a blank line."""
    fields = [*flow.arguments, *(field for group in groups for field in group.fields)]
    annotations = {*names.aliases, *(field.annotation for field in fields)}
    used = {name for annotation in annotations for name in _names_in(annotation)}
    used |= {"Field" for field in fields if isinstance(field.default, Call) and field.default.function.text == "Field"}
    nodes = plan.nodes.values()
    tasks = any(isinstance(node, ir.TaskNode) for node in nodes)
    carrying = any(edge.source.kind in _METHODS for edge in plan.pipeline.edges)
    carrying = carrying or any(True for node in nodes for _ in gated.verdicts(node))
    allowing = any(_future(plan.nodes[edge.source.node]).startswith("allow_") for edge in plan.pipeline.edges)
    skipping = any(not gate.excludes for node in nodes for gate in node.policy.gates)
    over_files = any(isinstance(node, ir.TaskNode) and node.grid.files is not None for node in nodes)
    steps = [constant.step for constant in constants]
    wanted = {
        "pathlib": ["Path"],
        "typing": sorted(used & {"Annotated", "Literal"}),
        "": [],
        "prefect": ["State", "flow", *(["unmapped"] if tasks else []), *(["allow_failure"] if allowing else [])],
        "prefect.task_runners": ["ThreadPoolTaskRunner"],
        "prefect_plugin": [
            "Job",
            "finish",
            "run_of",
            *(["Executions"] if carrying else []),
            *(["skip"] if skipping else []),
            *(["NodeParameters"] if groups else []),
            *(["execution", "task_node"] if tasks else []),
            *(["execution_node"] if any(isinstance(node, ir.ExecutionNode) for node in nodes) else []),
        ],
        "pydantic": ["Field"] if "Field" in used else [],
        "translator.shim": [
            "Step",
            *(["FileAxis"] if over_files else []),
            *(["Input"] if any(step.inputs for step in steps) else []),
            *(["Parameter"] if any(step.parameters for step in steps) else []),
        ],
    }
    return tuple(imported(module, names) if module else "" for module, names in wanted.items() if names or not module)


def _names_in(expression: str) -> Iterator[str]:
    return (node.id for node in ast.walk(ast.parse(expression, mode="eval")) if isinstance(node, ast.Name))
