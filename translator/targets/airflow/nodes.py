"""Lower a node to the operators that run it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from translator import ir
from translator.targets.airflow.assets import updater
from translator.targets.airflow.forms import node_form
from translator.targets.airflow.gates import conditions
from translator.targets.airflow.model import GroupNode, PlainNode
from translator.targets.airflow.plan import REFERENCES
from translator.targets.airflow.rules import COLLECTS, NONE_FAILED, closing_task, explanation, starting_task
from translator.targets.airflow.settings import TARGET, approval_arguments, node_arguments, retry_arguments
from translator.targets.render import Call, call, name
from translator.targets.searches import batches, search_expression, search_phrase
from translator.targets.steps import own_place

if TYPE_CHECKING:
    from collections.abc import Mapping

    from translator.targets.airflow.forms import Form
    from translator.targets.airflow.model import Arguments
    from translator.targets.airflow.plan import Plan
    from translator.targets.render import Expression, Name


def form_of(plan: Plan, node: ir.StepNode) -> Form:
    """Return the DAG params of a node, and the sources of its parameters."""
    edges = (*plan.into(node, ir.EdgeKind.PARAMETER), *plan.into(node, ir.EdgeKind.INPUT))
    return node_form(node, plan.setters.get(node.name, {}), edges, plan.earlier)


def operator_of(node: ir.StepNode) -> tuple[str, str]:
    """Return the operator of a node, and the argument of it that takes the node's step."""
    return ("StepOperator", "step") if node.step.deployment is None else ("DeploymentOperator", "deployment")


def lower_node(  # noqa: PLR0913 - all that is known of a node
    plan: Plan,
    node: ir.StepNode,
    step: Name,
    form: Form,
    parts: Mapping[str, str],
    *,
    followed: bool,
    outlets: Arguments,
) -> PlainNode | GroupNode:
    """Return the operators of a node.

    Args:
        plan: the index of the pipeline by node.
        node: the node.
        step: the constant that holds its step.
        form: the sources of its parameters.
        parts: the variables of its tasks, if it is a group.
        followed: whether other nodes wait for it.
        outlets: the argument of its task by which it updates assets, if it does.
    """
    variable, own_id = plan.variables[node.name], plan.ids[node.name]
    display_name = node.name if node.name != own_id else None
    place = own_place(node)
    values = _values(plan, node, form)
    approval = approval_arguments(plan.settings, node, plan.hooks)
    done = closing_task(node, followed=followed, approval=approval, updates=bool(outlets))
    starting = starting_task(node, approval)
    own_outlets = outlets if updater(node, done) == "run" else ()
    if done is not None and not own_outlets:
        done = replace(done, keywords=(*done.keywords, *outlets))
    gates = conditions(node.policy.gates, plan.variables)
    operator, role = operator_of(node)
    if done is None and starting is None:
        alone = _arguments(task_id=own_id, task_display_name=display_name, **{role: step})
        arguments = (*alone, *_edges(plan, node, form), *values, *gates, *_policy(plan, node), *own_outlets)
        note = COLLECTS if node.step.kind is ir.StepKind.COLLECT else None
        return PlainNode(variable, place, Call(name(operator), (), arguments), note)
    group = GroupNode(
        variable,
        place,
        call("TaskGroup", own_id, group_display_name=display_name),
        parts=parts,
        mapped=isinstance(node, ir.TaskNode),
        grid=None,
        step=(),
        done=done,
        starting=starting,
        note=explanation(done) if done is not None else None,
        operator=operator,
    )
    start = (*_arguments(task_id="run", **{role: step}), *_edges(plan, node, form))
    policy = (*_policy(plan, node), *own_outlets)
    if isinstance(node, ir.ExecutionNode) or node.grid.distributed is not None:
        return replace(group, step=(*start, *values, *gates, *policy), members=_members(node))
    shown_as = _arguments(map_index_template="{{ task.point_label }}")
    if node.grid.files is not None:
        return replace(
            group,
            grid=(*_over_files(plan, node, node.grid.files, step, form), *gates),
            step=(*start, *values, *policy, *shown_as),
            waits_for_grid=done is not None and done.function.text == "EmptyOperator",
        )
    search = search_expression(node.grid.search)
    if not values and not form.sets and search is None:
        return replace(group, step=(*start, *gates, *policy))
    if node.grid.search is not None and (count := batches(node.grid.search)):
        return replace(
            group,
            search=search,
            batches=count,
            purpose=f"A {search_phrase(node.grid.search)}.",
            grid=(*_arguments(step=step, search=name(parts["search"])), *values, *gates),
            step=(*start[1:], *policy, *shown_as),
        )
    grid = (*_arguments(task_id="grid", step=step, points=form.sets, search=search), *values)
    purpose = f"A {search_phrase(node.grid.search)}." if node.grid.search is not None else None
    return replace(group, grid=grid, purpose=purpose, step=(*start, *gates, *policy, *shown_as))


def _members(node: ir.StepNode) -> int | None:
    """Return the number of executions of a distributed task."""
    group = node.grid.distributed if isinstance(node, ir.TaskNode) else None
    return None if group is None else group.members


def _over_files(plan: Plan, node: ir.TaskNode, axis: ir.FileAxis, step: Name, form: Form) -> Arguments:
    """Return the grid of a node that runs over files: only the two directories decide it."""
    folders = {key: value for key, value in form.parameters.items() if key in (axis.over, axis.into)}
    brought = [_edge(plan, edge) for edge in plan.into(node, ir.EdgeKind.INPUT) if edge.target.key == axis.over]
    return _arguments(
        task_id="grid",
        step=step,
        input_edges={axis.over: brought} if brought else None,
        parameters=folders or None,
    )


def _values(plan: Plan, node: ir.StepNode, form: Form) -> Arguments:
    edges = {edge.target.key: _edge(plan, edge) for edge in plan.into(node, ir.EdgeKind.PARAMETER)}
    return _arguments(parameters=form.parameters or None, parameter_edges=edges or None)


def _edges(plan: Plan, node: ir.StepNode, form: Form) -> Arguments:
    """Return what an execution gets besides values of parameters: files of inputs, and environment variables."""
    variables = {edge.target.key: _edge(plan, edge) for edge in plan.into(node, ir.EdgeKind.ENVIRONMENT_VARIABLE)}
    edges: dict[str, list[Call]] = {}
    for edge in plan.into(node, ir.EdgeKind.INPUT):
        edges.setdefault(edge.target.key, []).append(_edge(plan, edge))
    mode = node.merge_mode.value if edges and node.merge_mode is not ir.MergeMode.REPLACE else None
    return _arguments(
        inputs=form.inputs or None,
        input_edges=edges or None,
        edge_merge_mode=mode,
        environment_edges=variables or None,
    )


def _edge(plan: Plan, edge: ir.Edge) -> Call:
    source = name(plan.variables[edge.source.node])
    every = edge.source.kind is ir.EdgeKind.ARTIFACT and edge.source.key == "*"
    return call(REFERENCES[edge.source.kind], source, *(() if every else (edge.source.key,)))


def _policy(plan: Plan, node: ir.StepNode) -> Arguments:
    policy = node.policy
    sequential = isinstance(node, ir.TaskNode) and node.grid.files is not None and node.grid.files.sequential
    concurrency = 1 if sequential else policy.concurrency
    documented = "doc_md" in plan.settings or "doc_md" in node.settings.get(TARGET, {})
    some = plan.reuse is not None and plan.reuse.nodes is not None and policy.reuse
    own = _arguments(
        doc_md=None if documented else node.step.description,
        on_error=policy.on_error.value if policy.on_error is not plan.on_error else None,
        on_child_error=policy.on_child_error.value if policy.on_child_error and isinstance(node, ir.TaskNode) else None,
        stop_condition=policy.stop_condition,
        reuse=call("dag_param", plan.reuse.parameter) if plan.reuse is not None and some else None,
        **dict(retry_arguments(node)),
        sequential=sequential or None,
        max_active_tis_per_dagrun=concurrency if isinstance(node, ir.TaskNode) else None,
        trigger_rule=name(NONE_FAILED) if node.step.kind is ir.StepKind.COLLECT else None,
    )
    return (*own, *node_arguments(node, plan.hooks))


def _arguments(**keywords: Expression) -> Arguments:
    return tuple((key, value) for key, value in keywords.items() if value is not None)
