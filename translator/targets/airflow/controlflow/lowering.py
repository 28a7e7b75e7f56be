"""Lower a pipeline with a control-flow graph to the model of its DAG file."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from translator import ir
from translator.nodes import branches, walk
from translator.shim.json_values import thawed
from translator.targets import render
from translator.targets.airflow.assets import outlets
from translator.targets.airflow.controlflow.model import ControlFlowFile
from translator.targets.airflow.controlflow.names import Names, distinct_titles
from translator.targets.airflow.controlflow.statements import Body
from translator.targets.airflow.dag import SCHEDULED, are_late, comments, dag_arguments, schedule_names
from translator.targets.airflow.imports import import_blocks
from translator.targets.airflow.settings import SETTINGS, TARGET, node_arguments, of_tasks
from translator.targets.constants import step_constants
from translator.targets.hooks import hook_names, import_clauses
from translator.targets.outline import outline
from translator.targets.render import name
from translator.targets.runners import with_runners
from translator.targets.steps import RUNNER, runner_names, step_expression

if TYPE_CHECKING:
    from collections.abc import Iterator

    from translator.targets import GenerateOptions
    from translator.targets.airflow.model import Arguments

_MODULES = {
    **dict.fromkeys(("datetime", "timedelta"), "datetime"),
    "Path": "pathlib",
    "ZoneInfo": "zoneinfo",
    **dict.fromkeys(("DAG", "Asset", "TaskGroup", "TriggerRule", "chain"), "airflow.sdk"),
    "AssetOrTimeSchedule": "airflow.timetables.assets",
    "CronTriggerTimetable": "airflow.timetables.trigger",
    **dict.fromkeys(
        (
            *("Catalog", "ChoiceOperator", "ControlFlowFinishOperator", "ControlFlowStepOperator", "GuardOperator"),
            *("ItemsOperator", "IterationOperator", "JoinOperator", "Resources", "Step", "complete"),
            *("earlier_node", "failed", "for_each", RUNNER),
        ),
        "airflow_plugin",
    ),
}
"""Every name that a DAG file may import, in the order of imports, and its module."""
_RESERVED = frozenset(_MODULES) - {RUNNER, *SCHEDULED}


def lower(pipeline: ir.Pipeline, options: GenerateOptions) -> ControlFlowFile:
    """Return the model of a DAG file.

    Args:
        pipeline: a pipeline with a control-flow graph.
        options: the context of the file.
    """
    # Names of nodes that are left out are variables, too.
    named = replace(pipeline.graph, nodes=(*pipeline.graph.nodes, *pipeline.earlier))
    titles = distinct_titles(named)
    constants, constant_of = step_constants(
        (path, step_expression(node.step), titles[path]) for path, node in _leaves(pipeline.graph)
    )
    names = Names(named, _RESERVED | runner_names(pipeline.graph) | schedule_names(pipeline))
    hooks = hook_names(pipeline, TARGET, SETTINGS, names.taken.union(constant_of.values()))
    names.take(hooks.values())
    limited = _retries_are_limited(pipeline)

    def settings(node: ir.ExecutionNode) -> Arguments:
        tries = node.policy.tries
        return (*((("attempts", tries),) if limited and tries > 1 else ()), *node_arguments(node, hooks))

    updates = {node: outlets(pipeline, node) for node in pipeline.assets}
    body = Body(pipeline, {path: name(constant) for path, constant in constant_of.items()}, names, settings, updates)
    params = {parameter.name: thawed(parameter.default) for parameter in pipeline.parameters}
    late = are_late(params, 1 + _tasks(pipeline.graph))
    arguments = dag_arguments(
        pipeline, options, {} if late else params, hooks, dialect=pipeline.dialect, attempts=1 if limited else None
    )
    of_steps = {used for constant in constants for used in render.names_in(constant.value)}
    used = {
        "DAG",
        *(["Path"] if options.fetched is None else []),
        *body.used,
        *of_steps,
        *render.names_in(dict(arguments)),
    }
    return ControlFlowFile(
        marker=render.marker(
            options.source or pipeline.file, options.pipeline or pipeline.title, pipeline.configuration
        ),
        imports=import_blocks(_MODULES, used, import_clauses(hooks)),
        project=render.project_lines(options),
        constants=with_runners(constants, hooks.values()),
        outline=outline(pipeline.graph),
        arguments=arguments,
        comments=comments(pipeline),
        late_params=params if late else {},
        lines=body.lines,
    )


def _retries_are_limited(pipeline: ir.Pipeline) -> bool:
    """Return whether settings give retries, which must not repeat a failed command."""
    settings = [of_tasks(pipeline), *(node.settings.get(TARGET, {}) for _, node in _leaves(pipeline.graph))]
    return any(one.get("retries") for one in settings)


def _leaves(graph: ir.Graph) -> Iterator[tuple[tuple[str, ...], ir.ExecutionNode]]:
    """Yield the nodes that run a step, by path."""
    return ((path, node) for path, node in walk(graph) if isinstance(node, ir.ExecutionNode))


def _tasks(graph: ir.Graph) -> int:
    """Return the approximate number of tasks of a graph."""
    count = 0
    for node in graph.nodes:
        inner = sum(map(_tasks, branches(node).values()))
        count += node.limit * (inner + 1) + 2 if isinstance(node, ir.LoopNode) else inner + (2 if inner else 1)
    return count
