"""From the IR to what the template of a DAG file sees."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, cast

from translator import ir
from translator.names import identifiers
from translator.targets import render
from translator.targets.airflow.forms import node_form, pipeline_param
from translator.targets.airflow.gates import conditions
from translator.targets.airflow.model import DagFile, GroupNode, PlainNode, StepConstant, VisualGroup
from translator.targets.airflow.order import awaited, order_lines
from translator.targets.airflow.rules import NONE_FAILED, closing_task
from translator.targets.render import call, name
from translator.targets.steps import lower_files, lower_step

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

    from translator.shim.contract import Step
    from translator.targets import GenerateOptions
    from translator.targets.airflow.forms import Form
    from translator.targets.airflow.model import Arguments
    from translator.targets.render import Call, Expression, Name

_MODULES = {
    "timedelta": "datetime",
    "Path": "pathlib",
    "EmptyOperator": "airflow.providers.standard.operators.empty",
    **dict.fromkeys(("DAG", "Param", "TaskGroup", "TriggerRule"), "airflow.sdk"),
    **dict.fromkeys(
        ("FinishOperator", "GateOperator", "GridOperator", "StepOperator", "dag_param", "is_false", "is_true"),
        "airflow_plugin.operators",
    ),
    **dict.fromkeys(
        ("FileAxis", "Input", "Parameter", "Step", "metadata", "output", "parameter", "same_input"), "translator.shim"
    ),
}
"""Every name that a DAG file may import, in the order in which it does, and the module that has it."""
_STANDARD = ("datetime", "pathlib")
_RESERVED = frozenset((*_MODULES, "dag", "finish", "grid", "run", "done"))
_CONSTANTS = frozenset(("dag", "project"))
_RETRY_SECONDS = 5
_EDGES = {
    ir.EdgeKind.ARTIFACT: "output",
    ir.EdgeKind.INPUT: "same_input",
    ir.EdgeKind.PARAMETER: "parameter",
    ir.EdgeKind.METADATA: "metadata",
}


@dataclass(frozen=True, slots=True)
class _Around:
    """What a pipeline says about its nodes from outside: the edges into each, and what sets its parameters.

    ``edges`` are those that bring something, by node and kind of their target; ``setters`` the pipeline parameters, by
    node and parameter.
    """

    edges: Mapping[tuple[str, ir.EdgeKind], Sequence[ir.Edge]]
    setters: Mapping[str, Mapping[str, Sequence[ir.PipelineParameter]]]

    def into(self, node: ir.StepNode, kind: ir.EdgeKind) -> Sequence[ir.Edge]:
        """The edges that end in ports of one kind of ``node``, in the order of the source file."""
        return self.edges.get((node.name, kind), ())


def dag_id(pipeline: ir.Pipeline) -> str:
    """The DAG's id, which also names its file: the pipeline's name as an identifier.

    An identifier is ASCII; where the name is not, a digest keeps two such names apart.
    """
    identifier = identifiers([pipeline.name])[pipeline.name]
    if pipeline.name.isascii():
        return identifier
    return f"{identifier}_{hashlib.sha256(pipeline.name.encode('utf-8', 'surrogatepass')).hexdigest()[:6]}"


def lower(pipeline: ir.Pipeline, options: GenerateOptions) -> DagFile:
    """What the template of a DAG file sees.

    Args:
        pipeline: a pipeline of execution nodes and task nodes.
        options: what the file needs to know of its surroundings.
    """
    nodes = cast("Sequence[ir.StepNode]", pipeline.nodes)
    variables = identifiers([node.name for node in nodes], _RESERVED)
    constants, constant_of = _steps(pipeline.dialect, nodes)
    around = _around(pipeline)
    forms = {node.name: _form(around, node) for node in nodes}
    by_name = {node.name: node for node in nodes}
    params = {given.name: pipeline_param(given, list(_targets(given, by_name))) for given in pipeline.parameters}
    for form in forms.values():
        params.update(form.params)
    after = _after(pipeline, variables)
    lowered = tuple(
        _node(
            around,
            node,
            variables[node.name],
            constant_of[node.name],
            forms[node.name],
            followed=bool(after[variables[node.name]]),
        )
        for node in nodes
    )
    mapped = {node.variable for node in lowered if isinstance(node, GroupNode) and node.mapped}
    finish = call("FinishOperator", task_id="finish", parameters=[given.name for given in pipeline.parameters] or None)
    return DagFile(
        marker=render.marker(pipeline.file),
        imports=_imports(
            {
                "DAG",
                "Path",
                *(["TaskGroup"] if any(node.group for node in nodes) else []),
                *_names([step.step for step in constants], params, finish, *lowered),
            }
        ),
        project=render.project_expression(options.project),
        steps=constants,
        arguments=_dag(pipeline),
        params=params,
        finish=finish,
        groups=tuple(_groups(nodes, lowered)),
        order=order_lines(after, "finish", awaited(after, mapped)),
    )


def _groups(nodes: Sequence[ir.StepNode], lowered: Sequence[PlainNode | GroupNode]) -> Iterator[VisualGroup]:
    """The nodes in the groups that the user sees: nodes of one group that follow each other are in one."""
    taken = _RESERVED | {node.variable for node in lowered}
    pairs = zip(nodes, lowered, strict=True)
    for count, (title, members) in enumerate(groupby(pairs, key=lambda pair: pair[0].group)):
        inside = tuple(node for _, node in members)
        if title is None:
            yield VisualGroup(None, inside)
            continue
        identifier = identifiers([title], taken)[title]
        if identifier in taken:
            identifier = f"{identifier.rstrip('_')}_{count}"
        taken |= {identifier}
        yield VisualGroup(
            call("TaskGroup", identifier, group_display_name=title if title != identifier else None), inside
        )


def _names(*parts: PlainNode | GroupNode | Expression) -> Iterator[str]:
    """The names that the parts of a file use."""
    for part in parts:
        if isinstance(part, PlainNode):
            yield from ("StepOperator", *render.names_in(part.step))
        elif isinstance(part, GroupNode):
            yield from ("StepOperator", *render.names_in((part.group, part.grid, part.step, part.done)))
            if part.grid is not None:
                yield "GridOperator"
        else:
            yield from render.names_in(part)


def _imports(used: Container[str]) -> tuple[tuple[str, ...], ...]:
    modules: dict[str, list[str]] = {}
    for imported, module in _MODULES.items():
        if imported in used:
            modules.setdefault(module, []).append(imported)
    standard = tuple(render.import_line(module, names) for module, names in modules.items() if module in _STANDARD)
    others = tuple(render.import_line(module, names) for module, names in modules.items() if module not in _STANDARD)
    return standard, others


def _dag(pipeline: ir.Pipeline) -> Arguments:
    return (
        ("dag_id", dag_id(pipeline)),
        ("dag_display_name", pipeline.name),
        ("description", f"{pipeline.dialect.capitalize()} pipeline at {pipeline.span.place}"),
        ("schedule", None),
        ("default_args", {"project": name("PROJECT")}),
        ("tags", [pipeline.dialect]),
    )


def _steps(dialect: str, nodes: Sequence[ir.StepNode]) -> tuple[tuple[StepConstant, ...], dict[str, Name]]:
    """A constant for each different step, and by node the name of its constant.

    A constant is called as its step, or where overrides make several of it, as step and node.
    """
    title_of: dict[str, str] = {}
    steps: dict[str, Step] = {}
    by_node: dict[str, str] = {}
    titles: set[str] = set()
    for node in nodes:
        step = lower_step(node.step, dialect)
        text = render.literal(step)
        if text not in title_of:
            title_of[text] = step.name if step.name not in titles else f"{step.name} {node.name}"
            titles.add(title_of[text])
            steps[text] = step
        by_node[node.name] = text
    constants = identifiers(list(title_of.values()), _CONSTANTS)
    named = {text: constants[title].upper() for text, title in title_of.items()}
    return (
        tuple(StepConstant(named[text], step) for text, step in steps.items()),
        {node: name(named[text]) for node, text in by_node.items()},
    )


def _around(pipeline: ir.Pipeline) -> _Around:
    edges: dict[tuple[str, ir.EdgeKind], list[ir.Edge]] = {}
    for edge in pipeline.edges:
        if edge.source.kind in _EDGES:
            edges.setdefault((edge.target.node, edge.target.kind), []).append(edge)
    setters: dict[str, dict[str, list[ir.PipelineParameter]]] = {}
    for given in pipeline.parameters:
        for target in given.targets:
            setters.setdefault(target.node, {}).setdefault(target.parameter, []).append(given)
    return _Around(edges, setters)


def _form(around: _Around, node: ir.StepNode) -> Form:
    files = node.grid.files if isinstance(node, ir.TaskNode) else None
    found = {*files.items, *files.outputs} if files is not None else ()
    return node_form(node, around.setters.get(node.name, {}), found)


def _targets(
    given: ir.PipelineParameter, nodes: Mapping[str, ir.StepNode]
) -> Iterator[tuple[ir.StepNode, ir.Parameter]]:
    for target in given.targets:
        node = nodes[target.node]
        yield from ((node, found) for found in node.step.parameters if found.name == target.parameter)


def _node(  # noqa: PLR0913 - what is known of a node
    around: _Around, node: ir.StepNode, variable: str, step: Name, form: Form, *, followed: bool
) -> PlainNode | GroupNode:
    place = render.comment(node.span.place)
    values = _values(around, node, form)
    done = closing_task(node, followed=followed)
    gates = conditions(node.policy.gates)
    if done is None:
        shown = node.name if node.name != variable else None
        alone = _arguments(task_id=variable, task_display_name=shown, step=step, node=shown)
        return PlainNode(variable, place, (*alone, *_inputs(around, node), *values, *gates, *_policy(node)))
    other = node.name if node.name != variable else None
    start = (*_arguments(task_id="run", step=step, node=other), *_inputs(around, node))
    group = call("TaskGroup", variable, group_display_name=other)
    if isinstance(node, ir.ExecutionNode):
        return GroupNode(
            variable, place, group, mapped=False, grid=None, step=(*start, *values, *gates, *_policy(node)), done=done
        )
    if node.grid.files is not None:
        over = _over_files(around, node, node.grid.files, step, form)
        shown_as = _arguments(map_index_template="{{ task.point_label }}")
        run = (*start, *values, *_policy(node), *shown_as)
        return GroupNode(
            variable,
            place,
            group,
            mapped=True,
            grid=(*over, *gates),
            step=run,
            done=done,
            waits_for_grid=done.function.text == "EmptyOperator",
        )
    grid = (*_arguments(task_id="grid", step=step, points=form.sets), *values) if values or form.sets else None
    shown_as = _arguments(map_index_template="{{ task.point_label }}") if grid else ()
    return GroupNode(
        variable, place, group, mapped=True, grid=grid, step=(*start, *gates, *_policy(node), *shown_as), done=done
    )


def _over_files(around: _Around, node: ir.TaskNode, axis: ir.FileAxis, step: Name, form: Form) -> Arguments:
    """The grid of a node that runs over files: only the two folders decide it."""
    folders = {key: value for key, value in form.parameters.items() if key in (axis.over, axis.into)}
    brought = [_edge(edge) for edge in around.into(node, ir.EdgeKind.INPUT) if edge.target.key == axis.over]
    return _arguments(
        task_id="grid",
        step=step,
        parameters=folders or None,
        inputs={axis.over: brought} if brought else None,
        files=lower_files(axis),
    )


def _values(around: _Around, node: ir.StepNode, form: Form) -> Arguments:
    edges = {edge.target.key: _edge(edge) for edge in around.into(node, ir.EdgeKind.PARAMETER)}
    return _arguments(parameters=form.parameters or None, parameter_edges=edges or None)


def _inputs(around: _Around, node: ir.StepNode) -> Arguments:
    inputs: dict[str, list[Call]] = {}
    for edge in around.into(node, ir.EdgeKind.INPUT):
        inputs.setdefault(edge.target.key, []).append(_edge(edge))
    joined = node.merge_mode.value if inputs and node.merge_mode is not ir.MergeMode.REPLACE else None
    return _arguments(inputs=inputs or None, merge=joined)


def _edge(edge: ir.Edge) -> Call:
    every = edge.source.kind is ir.EdgeKind.ARTIFACT and edge.source.key == "*"
    return call(_EDGES[edge.source.kind], edge.source.node, *(() if every else (edge.source.key,)))


def _policy(node: ir.StepNode) -> Arguments:
    policy = node.policy
    sequential = isinstance(node, ir.TaskNode) and node.grid.files is not None and node.grid.files.sequential
    concurrency = 1 if sequential else policy.concurrency
    retries = policy.tries - 1
    return _arguments(
        on_error=policy.on_error.value if policy.on_error is not ir.OnError.STOP_ALL else None,
        on_child_error=policy.on_child_error.value if policy.on_child_error and isinstance(node, ir.TaskNode) else None,
        retries=retries or None,
        retry_delay=call("timedelta", seconds=_RETRY_SECONDS) if retries else None,
        sequential=sequential or None,
        max_active_tis_per_dagrun=concurrency if isinstance(node, ir.TaskNode) else None,
        trigger_rule=name(NONE_FAILED) if node.step.kind is ir.StepKind.COLLECT else None,
    )


def _arguments(**keywords: Expression) -> Arguments:
    return tuple((key, value) for key, value in keywords.items() if value is not None)


def _after(pipeline: ir.Pipeline, variables: Mapping[str, str]) -> dict[str, list[str]]:
    """By variable of a node, the variables of the nodes after it, both in the order of the source file."""
    pairs = {(edge.source.node, edge.target.node) for edge in pipeline.edges}
    followers: dict[str, list[str]] = {variable: [] for variable in variables.values()}
    order = {node: place for place, node in enumerate(variables)}
    for source, target in sorted(pairs, key=lambda pair: (order[pair[0]], order[pair[1]])):
        followers[variables[source]].append(variables[target])
    return followers
