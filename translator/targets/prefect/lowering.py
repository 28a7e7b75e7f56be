"""Lower a pipeline to the model of its flow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator.targets import render
from translator.targets.constants import node_constants
from translator.targets.prefect.flow import flow_of
from translator.targets.prefect.imports import imports_of
from translator.targets.prefect.model import FlowFile
from translator.targets.prefect.names import names_of
from translator.targets.prefect.nodes import earlier_node, function_of
from translator.targets.prefect.plan import plan_of
from translator.targets.prefect.text import alias
from translator.targets.runners import with_runners

if TYPE_CHECKING:
    from translator import ir
    from translator.targets import GenerateOptions


def lower(pipeline: ir.Pipeline, options: GenerateOptions) -> FlowFile:
    """Lower a pipeline to the model of its flow.

    Args:
        pipeline: a pipeline of execution and task nodes only, that has no cycle.
        options: the context of the file.
    """
    plan = plan_of(pipeline)
    constants, steps = node_constants([plan.nodes[node.name] for node in pipeline.nodes], pipeline.dialect)
    names = names_of(plan, steps)
    functions = {name: function_of(plan, node, names) for name, node in plan.nodes.items()}
    groups = tuple(
        group
        for node in pipeline.nodes
        for group in (names.groups[node.name], names.inputs[node.name])
        if group is not None
    )
    flow = flow_of(plan, names)
    return FlowFile(
        marker=render.marker(
            options.source or pipeline.file, options.pipeline or pipeline.title, pipeline.configuration
        ),
        imports=imports_of(plan, names, constants, functions.values(), flow, project_is_local=options.fetched is None),
        project=render.project_lines(options),
        constants=with_runners(constants, names.hooks.values()),
        aliases=tuple(alias(name, annotation) for annotation, name in names.aliases.items()),
        groups=groups,
        nodes=tuple(functions[node.name] for node in pipeline.nodes),
        submitted=tuple(function.submit for function in functions.values()),
        earlier=tuple(earlier_node(plan, name, names) for name in plan.earlier),
        flow=flow,
    )
