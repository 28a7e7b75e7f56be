"""Write a node's gates as Python: conditions to skip the node, and conditions to leave it out of the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from translator import ir


def switches(node: ir.StepNode) -> Iterator[str]:
    """Return the pipeline parameters that decide whether the node is skipped."""
    return (gate.parameter for gate in node.policy.gates if gate.parameter is not None and not gate.excludes)


def verdicts(node: ir.StepNode) -> Iterator[str]:
    """Return the condition nodes that decide whether the node is skipped."""
    return (gate.node for gate in node.policy.gates if gate.node is not None)


def guard(node: ir.StepNode, nodes: Mapping[str, str], arguments: Mapping[str, str]) -> tuple[str | None, str]:
    """Return the condition under which the node's function skips it, and the reason to show.

    Args:
        node: the node.
        nodes: by node, the argument that holds its executions.
        arguments: by pipeline parameter, the argument that holds its value.
    """
    terms, needs = [], []
    for gate in node.policy.gates:
        if gate.excludes:
            continue
        value = f"{nodes[gate.node]}.result" if gate.node is not None else arguments[str(gate.parameter)]
        terms.append(f"not {value}" if gate.expected else value)
        needs.append(f"{gate.node or gate.parameter} is {str(gate.expected).lower()}")
    return " or ".join(terms) or None, f"this runs only if {' and '.join(needs)}"


def included(node: ir.StepNode, arguments: Mapping[str, str]) -> str | None:
    """Return the condition under which the node is part of the run; None if it always is."""
    terms = [
        arguments[str(gate.parameter)] if gate.expected else f"not {arguments[str(gate.parameter)]}"
        for gate in node.policy.gates
        if gate.excludes
    ]
    return " and ".join(terms) or None
