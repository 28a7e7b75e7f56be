"""Decide where a token goes in a graph: functions that generated flows call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect_plugin.controlflow.composites import current_composite
from prefect_plugin.controlflow.progress import End, Handover, Token, unwrapped
from prefect_plugin.exceptions import TokenError
from translator.shim.contract import State as Outcome
from translator.shim.controlflow import fan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefect_plugin.controlflow.composites import BranchTask
    from translator.shim.contract import Scope


def failed(token: Token) -> bool:
    """Wait for the last node, and return whether it failed; a node that did not run has not failed."""
    future, _ = unwrapped(token)
    if future is None:
        return False
    future.wait()
    return bool(future.state.is_failed())


def succeed(token: Token) -> Token:
    """End the graph as complete, although its last node failed (``on_failure: success``)."""
    return End(token, Outcome.COMPLETE, handled=True)


def fail(token: Token) -> Token:
    """End the graph as failed, although its last node may be complete (``next: fail``)."""
    return End(token, Outcome.ERROR)


def items(token: Token, *, over: str) -> Sequence[Token]:
    """Return a token for each item of the list in the parameter ``over``, to start the branches of a map.

    Raises:
        translator.shim.controlflow.fan.FanError: the parameter is not a list; the node fails.
    """
    composite = current_composite()
    scope = _scope(token)
    listed = fan.items(scope, over)
    composite.width = max(1, min(composite.width, len(listed)))
    return [Handover(scope, place, {composite.item or "item": item}) for place, item in enumerate(listed)]


def chosen(token: Token, *, on: str) -> BranchTask:
    """Return the case that the parameter ``on`` chooses.

    Raises:
        translator.shim.controlflow.fan.FanError: no case has this name; the node fails.
    """
    composite = current_composite()
    return composite.tasks[fan.case(_scope(token), on, composite.names)]


def again(token: Token, *, until: str) -> bool:
    """Wait for an iteration, and return whether another follows: it is complete, and ``until`` is not true."""
    future, _ = unwrapped(token)
    if future is None:
        return False
    future.wait()
    if not future.state.is_completed():
        return False
    handover: Handover = future.result()
    return fan.again(handover.scope, until, 0, 2)


def _scope(token: Token) -> Scope:
    """Return the parameters that a composite node sees, from the token of its function."""
    if not isinstance(token, Handover):
        raise TokenError("pass on the token that the function of the node is called with")
    return token.scope
