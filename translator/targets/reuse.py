"""Say in a generated file which nodes reuse the results of earlier executions, and let a run decide not to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from translator.names import free
from translator.nodes import reusable_nodes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from translator import ir

TITLE = "Reuse results"
DESCRIPTION = (
    "Use the results of earlier executions that have the same command, environment, code, parameters and inputs."
)


@dataclass(frozen=True, slots=True)
class Reuse:
    """The parameter of a run that allows reuse, and the nodes that it concerns, if not all of them."""

    parameter: str
    nodes: tuple[str, ...] | None = None


def reuse_of(pipeline: ir.Pipeline, taken: Iterable[str]) -> Reuse | None:
    """Return how the nodes of a pipeline reuse results; None if no node does.

    Args:
        pipeline: the pipeline.
        taken: the names that the parameter must not have.
    """
    nodes = reusable_nodes(pipeline)
    reusing = tuple(name for name, node in nodes.items() if node.policy.reuse)
    if not reusing:
        return None
    return Reuse(free("reuse", {*taken}), reusing if len(reusing) < len(nodes) else None)
