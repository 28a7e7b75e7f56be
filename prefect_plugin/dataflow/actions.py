"""Evaluate the actions of a node: before it starts, and when it has ended."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from prefect import get_run_logger

from prefect_plugin.dataflow.approval import decide
from prefect_plugin.run.stopping import Cause
from prefect_plugin.tasks.states import stopped
from translator.shim.actions.effects import EVENTS, Seen, UndecidedError, ending, fire
from translator.shim.contract import State as Outcome
from translator.shim.errors import TranslatorError
from translator.shim.outcome.run_record import node_states
from translator.shim.outcome.traces import NODE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefect import State

    from prefect_plugin.run.run_state import NodeRun
    from translator.shim.contract import Event
    from translator.shim.outcome.plans import NodePlan


class PreventedError(TranslatorError):
    """A node that does not start, because one of its actions ends the run."""


def start(node: NodeRun, executions: Sequence[Seen]) -> None:
    """Evaluate the actions of a node that is about to start.

    Args:
        node: the node.
        executions: the parameters of its executions; empty if its grid cannot be computed.

    Raises:
        PreventedError: an action ends the run.
    """
    if reason := _evaluate(node, "node-starting", executions):
        raise PreventedError(reason)


def prevented(node: NodeRun, error: PreventedError) -> State[Any]:
    """End a node that one of its actions prevents from starting."""
    node.points = None
    node.states[NODE] = Outcome.STOPPED
    return stopped(f"not started: {error}")


def end(node: NodeRun, plan: NodePlan, state: State[Any]) -> State[Any]:
    """Evaluate the actions of a node that has ended; return its state, which says what took effect.

    Args:
        node: the node.
        plan: its rules.
        state: its state.
    """
    executions = {index: one for index, one in node.states.items() if index != NODE}
    own = {plan.name: node.states[NODE]} if NODE in node.states else {}
    outcome = node_states([replace(plan, upstream=())], {plan.name: list(executions.values())}, own)[plan.name]
    event = EVENTS.get(outcome)
    if event is None:
        return state
    before = len(node.fired)
    _evaluate(node, event, [_values(node, index) for index, one in executions.items() if one is outcome])
    effects = "; ".join(map(str, node.fired[before:]))
    if effects:
        state.message = f"{state.message}; {effects}" if state.message else effects
    return state


def _values(node: NodeRun, index: int) -> Seen:
    """Return the values of an execution; without a manifest, its worker crashed."""
    manifest = node.manifests.get(index)
    return Seen(manifest.parameters, manifest.metadata) if manifest is not None else Seen()


def _evaluate(node: NodeRun, event: Event, executions: Sequence[Seen]) -> str | None:
    """Evaluate the actions of a node; return why the run ends, or None if it continues."""
    logger = get_run_logger()
    try:
        fired = fire(node.actions, event, executions, logger.warning, lambda: decide(node, event))
    except UndecidedError as error:  # the run stops meanwhile
        return str(error)
    node.fired += fired
    for one in fired:
        logger.info("action of node %s: %s", node.name, one)
    last = ending(fired)
    if last is None:
        return None
    reason = f"{node.name}: {last}"
    node.run.stop.trip(Cause.ACTION, reason)
    return reason
