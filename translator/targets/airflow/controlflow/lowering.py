"""Lower a pipeline with a control-flow graph to the context of its DAG template."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator import ir
from translator.nodes import branches, walk
from translator.runtime import lower_step
from translator.shim.json_values import thawed
from translator.targets import render
from translator.targets.airflow.controlflow.body import Body
from translator.targets.airflow.controlflow.model import ControlFlowFile
from translator.targets.airflow.controlflow.names import titles
from translator.targets.airflow.dag import are_late, dag_arguments
from translator.targets.airflow.imports import import_blocks
from translator.targets.constants import step_constants
from translator.targets.outline import outline
from translator.targets.render import name

if TYPE_CHECKING:
    from translator.targets import GenerateOptions

_MODULES = {
    "Path": "pathlib",
    **dict.fromkeys(("DAG", "TaskGroup", "TriggerRule", "chain"), "airflow.sdk"),
    **dict.fromkeys(
        (
            *("Catalog", "ChoiceOperator", "ControlFlowFinishOperator", "ControlFlowStepOperator", "GuardOperator"),
            *("ItemsOperator", "IterationOperator", "JoinOperator", "Step", "complete", "failed", "for_each"),
        ),
        "airflow_plugin",
    ),
}
"""Every name that a DAG file may import, in the order of imports, and its module."""
_RESERVED = frozenset(_MODULES)


def lower(pipeline: ir.Pipeline, options: GenerateOptions) -> ControlFlowFile:
    """Return the context of the template of a DAG file.

    Args:
        pipeline: a pipeline with a control-flow graph.
        options: the context of the file.
    """
    constants, constant_of = step_constants(
        (path, lower_step(node.step, pipeline.dialect), titles(path))
        for path, node in walk(pipeline.graph)
        if isinstance(node, ir.ExecutionNode)
    )
    body = Body(pipeline.graph, {path: name(constant) for path, constant in constant_of.items()}, _RESERVED)
    params = {given.name: thawed(given.default) for given in pipeline.parameters}
    late = are_late(params, 1 + _tasks(pipeline.graph))
    of_steps = {used for constant in constants for used in render.names_in(constant.step)}
    return ControlFlowFile(
        marker=render.marker(options.source or pipeline.file, options.pipeline or pipeline.name),
        imports=import_blocks(_MODULES, {"DAG", "Path", *body.used, *of_steps}),
        project=render.project_expression(options.project),
        steps=constants,
        outline=outline(pipeline.graph),
        arguments=dag_arguments(pipeline, options, {} if late else params),
        late_params=params if late else {},
        lines=body.lines,
    )


def _tasks(graph: ir.Graph) -> int:
    """Return the approximate number of tasks of a graph."""
    count = 0
    for node in graph.nodes:
        inner = sum(map(_tasks, branches(node).values()))
        count += node.limit * (inner + 1) + 2 if isinstance(node, ir.LoopNode) else inner + (2 if inner else 1)
    return count
