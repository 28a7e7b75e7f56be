"""Describe fields of parameter forms, in the same words for all engines."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from translator import ir

if TYPE_CHECKING:
    from collections.abc import Iterable


def described_parameters(step: ir.Step, edges: Iterable[ir.Edge]) -> tuple[ir.Parameter, ...]:
    """Return the parameters of a step; the description of one with an edge says when the field counts.

    Args:
        step: the step.
        edges: the edges that end in its node.
    """
    sources = {edge.target.key: edge.source for edge in edges if edge.target.kind is ir.EdgeKind.PARAMETER}
    return tuple(
        replace(parameter, description=_only_if_empty(parameter.description, sources[parameter.name]))
        if parameter.name in sources
        else parameter
        for parameter in step.parameters
    )


def _only_if_empty(description: str | None, source: ir.Port) -> str:
    note = f"Used only if {source} has no value."
    return f"{description.rstrip()} {note}" if description else note
