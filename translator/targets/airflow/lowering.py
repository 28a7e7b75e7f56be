"""Lower the IR to the model of a DAG file."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

from translator import ir
from translator.names import identifiers
from translator.nodes import allows_failure
from translator.targets import render
from translator.targets.airflow.assets import outlets
from translator.targets.airflow.dag import SCHEDULED, are_late, comments, dag_arguments, schedule_names
from translator.targets.airflow.forms import params_of, reuse_param
from translator.targets.airflow.imports import import_blocks
from translator.targets.airflow.model import DagFile, EarlierNode, GroupNode, PlainNode, VisualGroup
from translator.targets.airflow.names import part_variables, task_ids
from translator.targets.airflow.nodes import form_of, lower_node
from translator.targets.airflow.order import awaited, order_lines
from translator.targets.airflow.plan import plan_of
from translator.targets.airflow.settings import SETTINGS, TARGET, notifiers
from translator.targets.airflow.writing import OF_LOOPS
from translator.targets.constants import node_constants
from translator.targets.hooks import hook_names, import_clauses
from translator.targets.ordering import sorted_nodes
from translator.targets.render import call, name
from translator.targets.runners import with_runners
from translator.targets.scripts import BUILDERS
from translator.targets.steps import DEPLOYER, DEPLOYMENT, RUNNER, runner_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from translator.targets import GenerateOptions
    from translator.targets.airflow.plan import Plan
    from translator.targets.render import Expression

_MODULES = {
    **dict.fromkeys(("datetime", "timedelta"), "datetime"),
    "pairwise": "itertools",
    "Path": "pathlib",
    "ZoneInfo": "zoneinfo",
    "EmptyOperator": "airflow.providers.standard.operators.empty",
    **dict.fromkeys(("DAG", "Asset", "Param", "TaskGroup", "TriggerRule"), "airflow.sdk"),
    "AssetOrTimeSchedule": "airflow.timetables.assets",
    "CronTriggerTimetable": "airflow.timetables.trigger",
    **dict.fromkeys(
        (
            *(
                "Action",
                "AskOperator",
                "DeploymentOperator",
                "Distributed",
                "Distribution",
                "EndActionsOperator",
                "EndApprovalOperator",
                "Endpoint",
                "FileAxis",
                "FinishOperator",
                "GateOperator",
                "GridOperator",
                "Input",
                "Objective",
            ),
            *(
                "Parameter",
                "Resources",
                "Search",
                "StartActionsOperator",
                "StartApprovalOperator",
                "Step",
                "StepOperator",
                "dag_param",
                DEPLOYER,
                DEPLOYMENT,
                "earlier_node",
                "files_param",
                "is_false",
                "is_true",
                BUILDERS,
            ),
            *("metadata", "output", "parameter", "runner", "same_input"),
        ),
        "airflow_plugin",
    ),
}
"""Every name that a DAG file may import, in the order of imports, and its module."""
_RESERVED = frozenset((*_MODULES, "dag", "finish")) - {RUNNER, DEPLOYER, DEPLOYMENT, *SCHEDULED, *OF_LOOPS}


def lower(pipeline: ir.Pipeline, options: GenerateOptions) -> DagFile:
    """Return the model of a DAG file.

    Args:
        pipeline: a pipeline of execution nodes and task nodes.
        options: the context of the file.
    """
    searches = {
        node.name
        for node in pipeline.nodes
        if isinstance(node, ir.TaskNode) and node.grid.kind is ir.GridKind.OPTIMISER
    }
    loops = frozenset(OF_LOOPS if searches else ())
    reserved = _RESERVED | runner_names(pipeline.graph) | schedule_names(pipeline) | loops
    variables = identifiers([node.name for node in (*pipeline.nodes, *pipeline.earlier)], reserved)
    nodes = sorted_nodes(pipeline)
    constants, constant_of = node_constants(nodes, pipeline.dialect)
    taken = reserved.union(variables.values(), constant_of.values())
    hooks = hook_names(pipeline, TARGET, SETTINGS, taken, notifiers(pipeline))
    plan = plan_of(pipeline, variables, hooks)
    forms = {node.name: form_of(plan, node) for node in nodes}
    params = params_of(pipeline)
    for shown in forms.values():
        params.update(shown.params)
    if plan.reuse is not None:
        params[plan.reuse.parameter] = reuse_param()
    after = _after(pipeline, variables)
    earlier = tuple(_earlier(pipeline, node, variables[node.name]) for node in pipeline.earlier)
    parts = part_variables(variables, reserved, searches)
    lowered = tuple(
        lower_node(
            plan,
            node,
            name(constant_of[node.name]),
            forms[node.name],
            parts[node.name],
            followed=bool(after[variables[node.name]]),
            outlets=outlets(pipeline, node.name),
        )
        for node in nodes
    )
    groups = [node for node in lowered if isinstance(node, GroupNode)]
    # What closes a node that runs batch by batch starts only when all of its tasks have ended.
    mapped = {node.variable: node.parts["run"] for node in groups if node.mapped and not node.batches}
    late = are_late(params, 1 + len(lowered) + sum(2 * max(1, node.batches) for node in groups))
    finish = call(
        "FinishOperator",
        task_id="finish",
        parameters=[parameter.name for parameter in pipeline.parameters] or None,
        nodes=[name(variables[node.name]) for node in pipeline.nodes] if list(nodes) != list(pipeline.nodes) else None,
    )
    arguments = dag_arguments(
        pipeline,
        options,
        {} if late else params,
        hooks,
        on_error=plan.on_error.value if plan.on_error is not ir.OnError.STOP_ALL else None,
        reuse=(
            call("dag_param", plan.reuse.parameter) if plan.reuse is not None and plan.reuse.nodes is None else None
        ),
    )
    return DagFile(
        marker=render.marker(
            options.source or pipeline.file, options.pipeline or pipeline.title, pipeline.configuration
        ),
        imports=import_blocks(
            {imported: module for imported, module in _MODULES.items() if imported in reserved},
            {
                "DAG",
                *(["Path"] if options.fetched is None else []),
                *(["TaskGroup"] if any(node.group for node in nodes) else []),
                *_names([constant.value for constant in constants], params, finish, dict(arguments), *lowered),
                *(["earlier_node"] if earlier else []),
            },
            import_clauses(hooks),
        ),
        project=render.project_lines(options),
        constants=with_runners(constants, hooks.values()),
        outline=(),
        arguments=arguments,
        comments=comments(pipeline),
        late_params=params if late else {},
        finish=finish,
        earlier=earlier,
        groups=tuple(_groups(plan, nodes, _explained_once(lowered))),
        order=order_lines(after, "finish", awaited(after, mapped)),
    )


def _earlier(pipeline: ir.Pipeline, node: ir.Node, variable: str) -> EarlierNode:
    """Return the statement that refers to a node that is left out."""
    run = pipeline.part.run if pipeline.part is not None else None
    return EarlierNode(
        variable, node.span.place, call("earlier_node", node.name, run=run, may_fail=allows_failure(node) or None)
    )


def _explained_once(nodes: Sequence[PlainNode | GroupNode]) -> list[PlainNode | GroupNode]:
    """Return the nodes without the notes that an earlier one has."""
    explanations: set[str | None] = set()
    explained = []
    for node in nodes:
        explained.append(replace(node, note=None) if node.note in explanations else node)
        explanations.add(node.note)
    return explained


def _groups(
    plan: Plan, nodes: Sequence[ir.StepNode], lowered: Sequence[PlainNode | GroupNode]
) -> Iterator[VisualGroup]:
    """Return the nodes in their visual groups; a group holds consecutive nodes."""
    taken = {"finish", *(plan.ids[node.name] for node in nodes if node.group is None)}
    pairs = zip(nodes, lowered, strict=True)
    for title, members in groupby(pairs, key=lambda pair: pair[0].group):
        inside = tuple(node for _, node in members)
        if title is None:
            yield VisualGroup(None, inside)
            continue
        identifier = task_ids([title], taken)[title]
        taken.add(identifier)
        yield VisualGroup(
            call("TaskGroup", identifier, group_display_name=title if title != identifier else None), inside
        )


def _names(*parts: PlainNode | GroupNode | Expression) -> Iterator[str]:
    """Return the names that the parts of a file use."""
    for part in parts:
        if isinstance(part, PlainNode):
            yield from render.names_in(part.task)
        elif isinstance(part, GroupNode):
            expressions = (part.group, part.starting, part.search, part.grid, part.step, part.done)
            yield from (part.operator, *render.names_in(expressions))
            if part.grid is not None:
                yield "AskOperator" if part.batches else "GridOperator"
            if part.batches > 1:
                yield from ("TriggerRule", "pairwise")
        else:
            yield from render.names_in(part)


def _after(pipeline: ir.Pipeline, variables: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the downstream variables of each node's variable, in file order."""
    pairs = {(edge.source.node, edge.target.node) for edge in pipeline.edges}
    followers: dict[str, list[str]] = {variables[node.name]: [] for node in pipeline.nodes}
    order = {node: place for place, node in enumerate(variables)}
    for source, target in sorted(pairs, key=lambda pair: (order[pair[0]], order[pair[1]])):
        followers[variables[source]].append(variables[target])
    return followers
