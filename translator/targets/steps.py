"""Lower a step of the pipeline to the expression that builds it in the generated file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator import ir
from translator.runtime import SCRIPTS, lower_step
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
        dialect: the source language, which says how the step is run.
    """
    files = node.grid.files if isinstance(node, ir.TaskNode) else None
    step = node.step
    joins_with_command = step.kind is ir.StepKind.COLLECT and step.command
    if step.kind in SCRIPTS and not joins_with_command:
        return lower_script(step, files)
    return lower_step(step, dialect, files)
