"""Lower a step of the pipeline to the expression that builds it in the generated file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator import ir
from translator.nodes import walk_steps
from translator.runtime import SCRIPTS, lower_deployment, lower_resources, lower_step
from translator.shim.contract import DEFAULT_DIALECT
from translator.shim.json_values import thawed
from translator.targets.render import Call, Name, call, constructor_call
from translator.targets.scripts import lower_script

if TYPE_CHECKING:
    from translator.targets.render import Expression


def own_place(node: ir.StepNode) -> str | None:
    """Return the place of a node in the source file; None if it is that of its step, which the step's constant says."""
    return node.span.place if node.span.place != node.step.span.place else None


def step_of(node: ir.StepNode, dialect: str) -> Expression:
    """Return the step of a node as generated files express it.

    Args:
        node: the node.
        dialect: the source language, which decides how the step runs.
    """
    return step_expression(node.step, dialect, node.grid if isinstance(node, ir.TaskNode) else None)


RUNNER = "runner"
"""The function that a generated file calls for the runner of a step."""


DEPLOYER = "deployer"
"""The function that a generated file calls for the deployer of a deployment."""
DEPLOYMENT = "deployment"
"""The function that a generated file calls for the step of a deployment node."""


def runner_names(graph: ir.Graph) -> frozenset[str]:
    """Return the names that a file uses for runners and deployments: those of functions that it calls."""
    steps = [node.step for _, node in walk_steps(graph)]
    has = any(step.runner is not None and step.deployment is None for step in steps)
    deploys = any(step.deployment is not None for step in steps)
    return frozenset({*([RUNNER] if has else []), *([DEPLOYER, DEPLOYMENT] if deploys else [])})


def step_expression(step: ir.Step, dialect: str = DEFAULT_DIALECT, grid: ir.Grid | None = None) -> Expression:
    """Return a step as generated files express it.

    Args:
        step: the step.
        dialect: the source language, if the step itself names it.
        grid: the grid of its task node.
    """
    if step.deployment is not None:
        return _deployment(step, step.deployment)
    runner = _runner(step, RUNNER)
    joins_with_command = step.kind is ir.StepKind.COLLECT and step.command
    if step.kind in SCRIPTS and not joins_with_command:
        script = lower_script(step, grid.files if grid is not None else None)
        resources = lower_resources(step.resources) if step.resources is not None else None
        fields = {"image": step.image, "environment": dict(step.environment) or None, "resources": resources}
        placed = call("loom.at", script, **fields, runner=runner, secret_variables=dict(step.secret_variables) or None)
        return placed if placed.keywords else script
    lowered = lower_step(step, dialect, grid)
    return lowered if runner is None else constructor_call(lowered, runner=runner)


def _runner(step: ir.Step, function: str) -> Call | None:
    if step.runner is None:
        return None
    settings = {key: thawed(value) for key, value in step.runner.settings.items()}
    return Call(Name(function), (step.runner.name,), tuple(settings.items()))


def _deployment(step: ir.Step, deployment: ir.Deployment) -> Call:
    """Return the step of a deployment node."""
    lowered = lower_deployment(deployment)
    return call(
        DEPLOYMENT,
        deployment.name,
        endpoints=list(lowered.endpoints) or None,
        aliases=list(lowered.aliases) or None,
        deployer=_runner(step, DEPLOYER),
        environment=dict(step.environment) or None,
        optional_files=[one.name for one in step.inputs if one.optional] or None,
        source=step.span.place,
    )
