"""From a node to the operators that run it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from translator import ir
from translator.targets.airflow.forms import node_form
from translator.targets.airflow.gates import conditions
from translator.targets.airflow.model import GroupNode, PlainNode
from translator.targets.airflow.rules import NONE_FAILED, closing_task
from translator.targets.render import call, name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from translator.targets.airflow.forms import Form
    from translator.targets.airflow.model import Arguments
    from translator.targets.render import Call, Expression, Name

_RETRY_SECONDS = 5
_EDGES = {
    ir.EdgeKind.ARTIFACT: "output",
    ir.EdgeKind.INPUT: "same_input",
    ir.EdgeKind.PARAMETER: "parameter",
    ir.EdgeKind.METADATA: "metadata",
}


@dataclass(frozen=True, slots=True)
class Around:
    """What a pipeline says about its nodes from outside: the edges into each, and what sets its parameters.

    ``edges`` are those that bring something, by node and kind of their target; ``setters`` the pipeline parameters, by
    node and parameter; ``on_error`` is the rule of the nodes that say none. ``variables`` are the variables that hold
    the nodes.
    """

    edges: Mapping[tuple[str, ir.EdgeKind], Sequence[ir.Edge]]
    on_error: ir.OnError
    setters: Mapping[str, Mapping[str, Sequence[ir.PipelineParameter]]]
    variables: Mapping[str, str]

    def into(self, node: ir.StepNode, kind: ir.EdgeKind) -> Sequence[ir.Edge]:
        """The edges that end in ports of one kind of ``node``, in the order of the source file."""
        return self.edges.get((node.name, kind), ())


def around_of(pipeline: ir.Pipeline, variables: Mapping[str, str]) -> Around:
    """Return what a pipeline says about its nodes from outside.

    Args:
        pipeline: the pipeline.
        variables: by node, the variable that holds it.
    """
    edges: dict[tuple[str, ir.EdgeKind], list[ir.Edge]] = {}
    for edge in pipeline.edges:
        if edge.source.kind in _EDGES:
            edges.setdefault((edge.target.node, edge.target.kind), []).append(edge)
    setters: dict[str, dict[str, list[ir.PipelineParameter]]] = {}
    for given in pipeline.parameters:
        for target in given.targets:
            setters.setdefault(target.node, {}).setdefault(target.parameter, []).append(given)
    rules = {node.policy.on_error for node in pipeline.nodes}
    # Several nodes that have the same rule share it; in Loom all have.
    shared = rules.pop() if len(rules) == 1 and len(pipeline.nodes) > 1 else ir.OnError.STOP_ALL
    return Around(edges, shared, setters, variables)


def form_of(around: Around, node: ir.StepNode) -> Form:
    """The DAG params of a node, and where its parameters are taken from."""
    sources = {edge.target.key: edge.source for edge in around.into(node, ir.EdgeKind.PARAMETER)}
    return node_form(node, around.setters.get(node.name, {}), sources)


def lower_node(  # noqa: PLR0913 - what is known of a node
    around: Around, node: ir.StepNode, step: Name, form: Form, parts: Mapping[str, str], *, followed: bool
) -> PlainNode | GroupNode:
    """Return the operators of a node.

    Args:
        around: what the pipeline says about its nodes.
        node: the node.
        step: the constant that holds its step.
        form: where its parameters are taken from.
        parts: the variables of its tasks, if it is a group: by ``grid`` and ``run``.
        followed: whether other nodes wait for it.
    """
    variable = around.variables[node.name]
    place = node.span.place
    values = _values(around, node, form)
    done = closing_task(node, followed=followed)
    gates = conditions(node.policy.gates, around.variables)
    if done is None:
        shown = node.name if node.name != variable else None
        alone = _arguments(task_id=variable, task_display_name=shown, step=step)
        return PlainNode(variable, place, (*alone, *_inputs(around, node), *values, *gates, *_policy(around, node)))
    other = node.name if node.name != variable else None
    start = (*_arguments(task_id="run", step=step), *_inputs(around, node))
    group = call("TaskGroup", variable, group_display_name=other)
    if isinstance(node, ir.ExecutionNode):
        return GroupNode(
            variable,
            place,
            group,
            parts=parts,
            mapped=False,
            grid=None,
            step=(*start, *values, *gates, *_policy(around, node)),
            done=done,
        )
    if node.grid.files is not None:
        over = _over_files(around, node, node.grid.files, step, form)
        shown_as = _arguments(map_index_template="{{ task.point_label }}")
        run = (*start, *values, *_policy(around, node), *shown_as)
        return GroupNode(
            variable,
            place,
            group,
            parts=parts,
            mapped=True,
            grid=(*over, *gates),
            step=run,
            done=done,
            waits_for_grid=done.function.text == "EmptyOperator",
        )
    grid = (*_arguments(task_id="grid", step=step, points=form.sets), *values) if values or form.sets else None
    shown_as = _arguments(map_index_template="{{ task.point_label }}") if grid else ()
    return GroupNode(
        variable,
        place,
        group,
        parts=parts,
        mapped=True,
        grid=grid,
        step=(*start, *gates, *_policy(around, node), *shown_as),
        done=done,
    )


def _over_files(around: Around, node: ir.TaskNode, axis: ir.FileAxis, step: Name, form: Form) -> Arguments:
    """The grid of a node that runs over files: only the two folders decide it."""
    folders = {key: value for key, value in form.parameters.items() if key in (axis.over, axis.into)}
    brought = [_edge(around, edge) for edge in around.into(node, ir.EdgeKind.INPUT) if edge.target.key == axis.over]
    return _arguments(
        task_id="grid",
        step=step,
        parameters=folders or None,
        inputs={axis.over: brought} if brought else None,
    )


def _values(around: Around, node: ir.StepNode, form: Form) -> Arguments:
    edges = {edge.target.key: _edge(around, edge) for edge in around.into(node, ir.EdgeKind.PARAMETER)}
    return _arguments(parameters=form.parameters or None, parameter_edges=edges or None)


def _inputs(around: Around, node: ir.StepNode) -> Arguments:
    inputs: dict[str, list[Call]] = {}
    for edge in around.into(node, ir.EdgeKind.INPUT):
        inputs.setdefault(edge.target.key, []).append(_edge(around, edge))
    joined = node.merge_mode.value if inputs and node.merge_mode is not ir.MergeMode.REPLACE else None
    return _arguments(inputs=inputs or None, merge=joined)


def _edge(around: Around, edge: ir.Edge) -> Call:
    source = name(around.variables[edge.source.node])
    every = edge.source.kind is ir.EdgeKind.ARTIFACT and edge.source.key == "*"
    return call(_EDGES[edge.source.kind], source, *(() if every else (edge.source.key,)))


def _policy(around: Around, node: ir.StepNode) -> Arguments:
    policy = node.policy
    sequential = isinstance(node, ir.TaskNode) and node.grid.files is not None and node.grid.files.sequential
    concurrency = 1 if sequential else policy.concurrency
    retries = policy.tries - 1
    return _arguments(
        on_error=policy.on_error.value if policy.on_error is not around.on_error else None,
        on_child_error=policy.on_child_error.value if policy.on_child_error and isinstance(node, ir.TaskNode) else None,
        retries=retries or None,
        retry_delay=call("timedelta", seconds=_RETRY_SECONDS) if retries else None,
        sequential=sequential or None,
        max_active_tis_per_dagrun=concurrency if isinstance(node, ir.TaskNode) else None,
        trigger_rule=name(NONE_FAILED) if node.step.kind is ir.StepKind.COLLECT else None,
    )


def _arguments(**keywords: Expression) -> Arguments:
    return tuple((key, value) for key, value in keywords.items() if value is not None)
