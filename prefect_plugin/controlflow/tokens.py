"""What the functions of a generated flow ask and say on their way through a graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from prefect.futures import PrefectFuture
from prefect.utilities.annotations import allow_failure

from prefect_plugin.controlflow.composites import current_composite
from prefect_plugin.controlflow.graphs import End, Left, current_graph
from translator.shim.contract import State as Outcome
from translator.shim.controlflow import fan

if TYPE_CHECKING:
    from collections.abc import Sequence

Last: TypeAlias = PrefectFuture[Any] | allow_failure | Left | End
"""What a graph has come to: the future of the node submitted last; where a branch begins, what it finds."""


def failed(last: PrefectFuture[Any]) -> bool:
    """Wait for a node, and tell whether it is in error; one that did not run is not."""
    last.wait()
    return bool(last.state.is_failed())


def succeed(last: PrefectFuture[Any]) -> End:
    """The graph is complete, although its last node is in error (``on_failure: success``)."""
    return End(last, Outcome.COMPLETE, handled=True)


def fail(last: Last) -> End:
    """The graph is in error, although its last node may be complete (``next: fail``)."""
    return End(last, Outcome.ERROR)


def items(last: Left, *, over: str) -> Sequence[Left]:
    """What the branches of a map find: one for each item of the list that the parameter ``over`` holds.

    Raises:
        translator.shim.controlflow.fan.FanError: it holds no list of items; the node is in error then.
    """
    composite = current_composite()
    found = fan.items(last.scope, over)
    composite.width = max(1, min(composite.width, len(found)))
    return [Left(last.scope, place, {composite.item or "item": item}) for place, item in enumerate(found)]


def chosen(last: Left, *, on: str) -> str:
    """The name of the case that the parameter ``on`` chooses.

    Raises:
        translator.shim.controlflow.fan.FanError: it chooses none; the node is in error then.
    """
    return fan.case(last.scope, on, current_composite().names)


def again(last: PrefectFuture[Any], *, until: str) -> bool:
    """Wait for an iteration, and tell whether another may follow: it is complete, and ``until`` is not true."""
    last.wait()
    if not last.state.is_completed():
        return False
    left: Left = last.result()
    return fan.again(current_graph().routes.dialect, left.scope, until, 0, 2)
