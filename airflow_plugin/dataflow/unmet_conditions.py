"""Decide whether a node runs: results of condition nodes, and DAG params as switches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_plugin.dag.nodes import nodes
from airflow_plugin.dataflow.upstream import upstream_manifests
from airflow_plugin.parameters.dag_params import ParamReference, run_values
from translator.shim.contract import VERDICT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from airflow.sdk import Context

    from airflow_plugin.dag.conditions import Condition
    from translator.shim.contract import Manifest
    from translator.shim.store import Store


def unmet(context: Context, conditions: Iterable[Condition], store: Store) -> str | None:
    """Describe the first condition that does not hold in this run; return None if all hold.

    Args:
        context: of the task that asks.
        conditions: what must hold.
        store: the store that the manifests are in.
    """
    return first_unmet(
        conditions, context["params"], lambda source: upstream_manifests(context, [source], store)[source]
    )


def first_unmet(
    conditions: Iterable[Condition], params: Mapping[str, object], manifests: Callable[[str], Sequence[Manifest]]
) -> str | None:
    """Describe the first condition that does not hold; return None if all hold.

    A condition whose node has no verdict, because it did not complete, does not hold.

    Args:
        conditions: what must hold.
        params: the DAG run's params.
        manifests: returns those of a node's complete executions.
    """
    for condition in conditions:
        if isinstance(condition.of, ParamReference):
            values = run_values({VERDICT: condition.of}, params)
        else:
            complete = manifests(condition.of)
            if not complete:
                return f"{condition.of!r} has no result"
            values = dict(complete[-1].metadata)  # type: ignore[arg-type]  # only its truth is asked for
        if bool(values.get(VERDICT)) is not condition.expected:
            return f"this runs only if {condition}"
    return None


def left_out(context: Context, among: Iterable[str], store: Store) -> frozenset[str]:
    """Return the nodes whose conditions exclude them from this run."""
    of_dag = nodes(context["dag"])
    return frozenset(
        name
        for name in dict.fromkeys(among)
        if of_dag[name].included_if and unmet(context, of_dag[name].included_if, store)
    )
