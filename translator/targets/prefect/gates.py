"""From a node's gates to Python: when its function skips it, and when the flow leaves it out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from translator import ir


def switches(node: ir.StepNode) -> Iterator[str]:
    """The pipeline parameters that decide whether the node is skipped."""
    return (gate.parameter for gate in node.policy.gates if gate.parameter is not None and not gate.excludes)


def verdicts(node: ir.StepNode) -> Iterator[str]:
    """The condition nodes that decide it."""
    return (gate.node for gate in node.policy.gates if gate.node is not None)


def guard(node: ir.StepNode, nodes: Mapping[str, str], arguments: Mapping[str, str]) -> tuple[str | None, str]:
    """The condition under which the node's function skips it, and what is to be said then.

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
    """The condition under which the node is part of the run; None where it always is."""
    terms = [
        arguments[str(gate.parameter)] if gate.expected else f"not {arguments[str(gate.parameter)]}"
        for gate in node.policy.gates
        if gate.excludes
    ]
    return " and ".join(terms) or None
