"""Decide which task of a node updates its assets: the one that succeeds exactly if the node is complete.

Airflow updates the assets in the ``outlets`` of a task when that succeeds, and once for each mapped one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from translator import ir
from translator.targets.actions import at_events
from translator.targets.render import call

if TYPE_CHECKING:
    from collections.abc import Iterable

    from translator.targets.airflow.model import Arguments
    from translator.targets.render import Call


def assets(names: Iterable[str]) -> list[Call]:
    """Return assets as a list of calls."""
    return [call("Asset", one) for one in names]


def outlets(pipeline: ir.Pipeline, node: str) -> Arguments:
    """Return the argument of an operator by which it updates the assets of a node, if that has any."""
    update = pipeline.assets.get(node)
    return (("outlets", assets(update.names)),) if update is not None else ()


def updater(node: ir.StepNode, done: Call | None) -> Literal["run", "done"] | None:
    """Return which task of a node succeeds exactly if the node is complete; None if there is none.

    Args:
        node: the node.
        done: the task that closes it, if it has one besides its step.
    """
    if done is None:
        return "run"
    needs = dict(done.keywords).get("needs")
    passes_failed = needs == "started" or (needs is None and done.function.text == "GateOperator")
    passes_left_out = done.function.text != "EmptyOperator" and any(gate.excludes for gate in node.policy.gates)
    if not passes_failed and not passes_left_out:
        return "done"
    acts = at_events(node, (ir.Event.COMPLETE, ir.Event.ERROR))
    return "run" if isinstance(node, ir.ExecutionNode) and not acts else None
