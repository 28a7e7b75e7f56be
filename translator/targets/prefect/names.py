"""Name everything in a generated flow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from translator import ir
from translator.names import free, identifiers
from translator.nodes import step_nodes
from translator.targets.hooks import hook_names
from translator.targets.prefect import forms
from translator.targets.prefect.annotations import Aliases
from translator.targets.prefect.reserved import ARGUMENTS
from translator.targets.prefect.settings import SETTINGS, TARGET, task_runners
from translator.targets.prefect.text import camel
from translator.targets.reuse import reuse_of
from translator.targets.scripts import BUILDERS
from translator.targets.steps import runner_names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from translator.targets.prefect.model import Argument, Group
    from translator.targets.prefect.plan import Plan
    from translator.targets.reuse import Reuse

FUNCTIONS = {
    "allow_failure",
    "as_written",
    "earlier_node",
    "execution",
    "execution_node",
    "finish",
    "flow",
    BUILDERS,
    "record_crash",
    "run_of",
    "skip",
    "task_node",
    "thread_pool",
    "unmapped",
}
INPUTS_ARGUMENT = "inputs"
"""The argument of a node's function for the inputs in its form."""

LOCALS = {"axes", "grid_points", INPUTS_ARGUMENT, "job", "parameters", "points", "wait_for"}
CLASSES = {
    *(
        "Annotated",
        "Axis",
        "Endpoint",
        "Executions",
        "Field",
        "FileAxis",
        "Files",
        "Input",
        "Job",
        "Literal",
        "Manifest",
        "Mapped",
    ),
    *("NodeInputs", "NodeParameters", "Number", "Parameter", "Path", "Sequence", "Skip", "State", "Step"),
}
CONSTANTS = {"False", "None", "True"}
GROUP_ARGUMENTS = {"Parameters": "parameters", "Grid": "axes", "Point": "points"}
"""The argument of a node's function for its group, by kind."""


@dataclass(frozen=True, slots=True)
class Names:
    """The names in a generated file, by those in the source file.

    By node: ``nodes`` are the arguments that hold its executions, ``runs`` the variables that hold its future, and
    ``steps`` the constants that hold its step; ``launched`` are the flow's arguments for inputs, and ``inputs`` their
    groups of the form. ``hooks`` are the callables that settings name, and ``reuse`` has the argument for that.
    """

    arguments: Mapping[str, Argument]
    nodes: Mapping[str, str]
    functions: Mapping[str, str]
    runs: Mapping[str, str]
    groups: Mapping[str, Group | None]
    launched: Mapping[str, str]
    inputs: Mapping[str, Group | None]
    steps: Mapping[str, str]
    aliases: Mapping[str, str]
    hooks: Mapping[str, str]
    reuse: Reuse | None


def names_of(plan: Plan, steps: Mapping[str, str]) -> Names:
    """Name everything in the file of a pipeline.

    Args:
        plan: the pipeline.
        steps: by node, the constant that holds its step.
    """
    pipeline = plan.pipeline
    reserved = FUNCTIONS | LOCALS | ARGUMENTS | runner_names(pipeline.graph)
    parameters = identifiers([parameter.name for parameter in pipeline.parameters], reserved)
    named = [node.name for node in (*pipeline.nodes, *pipeline.earlier)]
    nodes = identifiers(named, reserved | set(parameters.values()))
    taken = {*parameters.values(), *nodes.values()} | FUNCTIONS
    functions = {name: free(f"{identifier.rstrip('_')}_node", taken) for name, identifier in nodes.items()}
    taken |= set(functions.values())
    runs = {name: free(f"{identifier.rstrip('_')}_run", taken) for name, identifier in nodes.items()}
    launched = {name: free(f"{identifier.rstrip('_')}_inputs", taken) for name, identifier in nodes.items()}
    taken |= set(launched.values())
    reuse = reuse_of(pipeline, taken)
    titles = {name: camel(identifier) for name, identifier in nodes.items()}
    aliases = Aliases(CLASSES | CONSTANTS | {f"{title}{kind}" for title in titles.values() for kind in GROUP_ARGUMENTS})
    arguments = {
        item.name: forms.argument_of(item, parameters[item.name], _targets(plan, item), aliases)
        for item in pipeline.parameters
    }
    classes = set(CLASSES)
    groups: dict[str, Group | None] = {}
    inputs: dict[str, Group | None] = {}
    for node in step_nodes(pipeline).values():
        title = free(f"{titles[node.name]}{forms.group_kind(node)}", classes)
        constant = free(f"{nodes[node.name].rstrip('_')}_points".upper(), {"PROJECT", *steps.values()})
        groups[node.name] = forms.group_of(node, title, constant, _hidden(plan, node), aliases, plan.edges[node.name])
        classes.add(title)
        title = free(f"{titles[node.name]}Inputs", classes)
        inputs[node.name] = forms.inputs_group(node, title, plan.edges[node.name], plan.earlier)
        classes.add(title)
    others = {
        *([reuse.parameter] if reuse is not None else []),
        *runs.values(),
        *steps.values(),
        *aliases.names.values(),
        *LOCALS,
        *classes,
        "PROJECT",
    }
    hooks = hook_names(pipeline, TARGET, SETTINGS, taken | others, task_runners(pipeline))
    return Names(arguments, nodes, functions, runs, groups, launched, inputs, steps, aliases.names, hooks, reuse)


def _hidden(plan: Plan, node: ir.StepNode) -> set[str]:
    """Return the parameters that a node's group of the form lacks: a pipeline parameter sets or a search draws them.

    A pipeline parameter that may have no value does not hide parameters that the task blueprint sets.
    """
    hidden = plan.setters[node.name]
    if not isinstance(node, ir.TaskNode):
        return set(hidden)
    if node.grid.files is not None:
        return {*hidden, *node.grid.files.items, *node.grid.files.outputs}
    own = {axis.parameter for axis in node.grid.axes}.union(*node.grid.points)
    certain = {parameter.name for parameter in plan.pipeline.parameters if parameter.default is not None}
    return {name for name, setter in hidden.items() if setter in certain or name not in own}.union(node.grid.drawn)


def _targets(plan: Plan, parameter: ir.PipelineParameter) -> list[tuple[ir.StepNode, ir.Parameter]]:
    """Return the parameters that a pipeline parameter sets, with their nodes."""
    return [
        (node, settable)
        for target in parameter.targets
        for node in [plan.nodes[target.node]]
        for settable in node.step.parameters
        if settable.name == target.parameter
    ]
