"""Check the environment variables that edges set."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from translator.ir import EdgeKind
from translator.names import did_you_mean
from translator.nodes import step_nodes
from translator.shim.process.environment import INTERNAL

if TYPE_CHECKING:
    from translator import ir
    from translator.diagnostics import Diagnostics

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SETTLED = re.compile(
    r"PATH|HOME|PWD|IFS|ENV|BASH_ENV|SHELL|TMPDIR|TMP|TEMP|VIRTUAL_ENV|PYTHONPATH|PYTHONHOME|PYTHONSTARTUP|LD_.*|DYLD_.*"
)
"""Variables that decide which programs and libraries run, and where temporary files are."""


def check(pipeline: ir.Pipeline, diagnostics: Diagnostics) -> None:
    """Check the variables of a pipeline that edges set; see ``translator.checks.check``."""
    nodes = step_nodes(pipeline)
    for edge in pipeline.incoming:
        node = nodes.get(edge.target.node)
        if edge.target.kind is not EdgeKind.ENVIRONMENT_VARIABLE or node is None:
            continue
        reason = _reason(edge, node.step)
        if reason is not None:
            message = f"an edge cannot set the environment variable {edge.target.key!r} of node {node.name!r}: {reason}"
            hint = "choose another name" if edge.target.key not in node.step.secret_variables else "remove one of them"
            diagnostics.error("bad-variable", message, edge.target.span or edge.span, hint=hint)
        elif not _is_declared(edge, node.step):
            message = f"the step of node {node.name!r} does not declare the environment variable {edge.target.key!r}"
            guess = did_you_mean(edge.target.key, node.step.declared_environment, "its variables")
            diagnostics.warning(
                "undeclared-environment-variable",
                message,
                edge.target.span or edge.span,
                hint=guess or "declare it in 'environment-variables', so that readers of the step know it",
            )


def _is_declared(edge: ir.Edge, step: ir.Step) -> bool:
    if edge.target.key in step.declared_environment:
        return True
    # An edge between two variables has set its target already; of others, what settings declare counts as well.
    return edge.source.kind is not EdgeKind.ENVIRONMENT_VARIABLE and edge.target.key in step.environment


def _reason(edge: ir.Edge, step: ir.Step) -> str | None:
    """Return why an edge cannot set a variable; None if it can."""
    name = edge.target.key
    if name.startswith(INTERNAL):
        return "the names of the run's own variables begin like this"
    if name in step.secret_variables:
        return f"it holds the secret {step.secret_variables[name]!r}"
    if edge.source.kind is EdgeKind.ENVIRONMENT_VARIABLE:
        return None  # its value is in this file, where a step may set any variable
    if not _NAME.fullmatch(name):
        return "names have letters, digits and underscores, and do not begin with a digit"
    if _SETTLED.fullmatch(name):
        return "it decides what runs on the worker, so it must not be a value of a run"
    return None
