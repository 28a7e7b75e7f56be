"""Decide whether a node runs at all: Loom's conditions, switches and optional steps (rules 14 and 15)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from translator import ir


def excluding(node: ir.StepNode, parameter_value: Callable[[str], object]) -> str | None:
    """Return why a node is not part of the run; None if it is.

    Args:
        node: the node.
        parameter_value: returns the value of a pipeline parameter.
    """
    for gate in node.policy.gates:
        if gate.excludes and gate.parameter is not None and bool(parameter_value(gate.parameter)) is not gate.expected:
            return f"{gate.parameter} is {str(not gate.expected).lower()}"
    return None


def unmet(node: ir.StepNode, parameter_value: Callable[[str], object], verdicts: Mapping[str, object]) -> str | None:
    """Return a condition of a node that does not hold; None if all hold.

    Args:
        node: the node.
        parameter_value: returns the value of a pipeline parameter.
        verdicts: by node the verdict of a complete condition.
    """
    for gate in node.policy.gates:
        if gate.excludes:
            continue
        if gate.node is not None and gate.node not in verdicts:
            return f"{gate.node} has no result"
        value = verdicts[gate.node] if gate.node is not None else parameter_value(str(gate.parameter))
        if bool(value) is not gate.expected:
            return f"{gate.node or gate.parameter} is {str(not gate.expected).lower()}"
    return None
