"""Lower a node's gates to arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator.targets.render import call, name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from translator import ir
    from translator.targets.airflow.model import Arguments
    from translator.targets.render import Call


def conditions(gates: Sequence[ir.Gate], variables: Mapping[str, str]) -> Arguments:
    """Return the arguments ``included_if`` and ``only_if`` of the operator that a node starts with.

    Args:
        gates: the node's gates.
        variables: by node, the variable that holds it.
    """
    kinds = (("included_if", True), ("only_if", False))
    listed = [
        (keyword, [_condition(gate, variables) for gate in gates if gate.excludes is kind]) for keyword, kind in kinds
    ]
    return tuple((keyword, holding) for keyword, holding in listed if holding)


def _condition(gate: ir.Gate, variables: Mapping[str, str]) -> Call:
    of = name(variables[gate.node]) if gate.node is not None else call("dag_param", gate.parameter)
    return call("is_true" if gate.expected else "is_false", of)
