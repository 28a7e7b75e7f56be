"""Decide which actions of a node take effect (rules 18 to 20)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from translator.ir import Effect, Event
from translator.semantics.oracle import NOTHING
from translator.semantics.results import Fired, Result
from translator.shim.contract import State

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

    from translator import ir
    from translator.shim.contract import Value

_EVENTS = {State.COMPLETE: Event.COMPLETE, State.ERROR: Event.ERROR}


def starting(
    node: ir.StepNode, points: Sequence[Mapping[str, Value]], rejected: Container[str] = ()
) -> tuple[Fired, ...]:
    """Return the effects of the actions of a node that is about to start.

    Args:
        node: the node.
        points: the parameters of its executions.
        rejected: the nodes whose approvals people reject.
    """
    return tuple(
        _fired(node, Event.STARTING, [(point, NOTHING) for point in points], approved=node.name not in rejected)
    )


def prevented(node: ir.StepNode, fired: tuple[Fired, ...]) -> Result | None:
    """Return the result of a node whose own actions prevent its start; None if they do not."""
    result = Result(node, State.STOPPED, (), f"not started; {fired[-1]}" if fired else "", started=False, fired=fired)
    return result if result.ends is not None else None


def ended(result: Result, started: tuple[Fired, ...] = (), rejected: Container[str] = ()) -> Result:
    """Return the result of a node that has ended, with the effects of its actions.

    Args:
        result: the result without actions.
        started: the effects of its actions when it started.
        rejected: the nodes whose approvals people reject.
    """
    event = _EVENTS.get(result.state)
    seen = [(e.parameters, e.metadata) for e in result.executions if e.state is result.state]
    approved = result.node.name not in rejected
    fired = (*started, *(_fired(result.node, event, seen, approved=approved) if event is not None else ()))
    return replace(result, fired=fired, why="; ".join([result.why, *map(str, fired)]))


def _fired(
    node: ir.StepNode,
    event: Event,
    executions: Sequence[tuple[Mapping[str, Value], Mapping[str, object]]],
    *,
    approved: bool,
) -> Iterator[Fired]:
    for action in node.policy.actions:
        if event not in action.when or not _met(action, executions):
            continue
        for effect in action.then:
            decision = approved if effect is Effect.REQUIRE_APPROVAL else None
            fired = Fired(event, effect, action.conditions, decision)
            yield fired
            if fired.ends is not None:
                return


def _met(action: ir.Action, executions: Sequence[tuple[Mapping[str, Value], Mapping[str, object]]]) -> bool:
    """Return whether all conditions of an action hold for one of the executions."""
    return any(
        all(_holds(condition, parameters, metadata) for condition in action.conditions)
        for parameters, metadata in executions or [(NOTHING, NOTHING)]
    )


def _holds(condition: str, parameters: Mapping[str, Value], metadata: Mapping[str, object]) -> bool:
    from translator.shim.actions import conditions  # few nodes have actions

    try:
        return conditions.holds(condition, metadata=metadata, parameters=parameters)
    except conditions.ConditionError:
        return False
