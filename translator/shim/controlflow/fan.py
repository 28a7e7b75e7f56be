"""Fan composite nodes of a control-flow graph (Magnus, runnable) out and in, on every engine.

How an engine runs a composite node that found ``scope``::

    items = fan.items(scope, over="chunks")                          # a map: one branch per item
    name = fan.case(scope, on="choice", cases=["heads", "tails"])    # a choice: the branch that runs
    while True: ...                                                  # a loop: after each complete iteration
        if not fan.again(ended, until="done", iteration=number, limit=10): break

    branches = [fan.Branch(name, state, last_scope), ...]            # in declared order; a loop's iterations in turn
    state, joined = fan.join(dialect, kind, scope, branches, reducer=..., returns=[...])
    fan.commit(store, id, state, joined, started=started)

``items``, ``case`` and ``join`` raise ``FanError`` if the source engines crash: the composite node then fails,
``commit(store, id, State.ERROR, scope, reason=str(error), started=started)``, and its ERROR route is followed.
A branch is complete if its graph reached its end as complete; ``scope`` of a branch is what the last of its nodes left,
or None if nothing is known of it.
"""

from __future__ import annotations

import builtins
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

from translator.shim import run_contract
from translator.shim.clock import now
from translator.shim.contract import Manifest, Pickle, State
from translator.shim.controlflow import scopes
from translator.shim.errors import TranslatorError
from translator.shim.json_values import thawed
from translator.shim.json_values.depth import parse
from translator.shim.json_values.storable import reason_text
from translator.shim.store import MANIFEST, try_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from translator.shim.contract import Dialect, ExecutionId, FileRecord, Json, Scope
    from translator.shim.store import Store

Kind: TypeAlias = Literal["parallel", "map", "loop", "choice"]
_NAMED = 10
"""The maximum number of failed branches that a reason names."""


class FanError(TranslatorError, ValueError):
    """A composite node that cannot begin or end; the message is for the user."""


@dataclass(frozen=True, slots=True)
class Branch:
    """The end of a branch of a composite node: its name or index, its state, and its last scope."""

    name: str
    state: State
    scope: Scope | None = None


def items(scope: Scope, over: str) -> list[Json]:
    """Return the items of a map; none for an empty list.

    Args:
        scope: what the map node sees.
        over: the parameter that holds the list.

    Raises:
        FanError: the parameter is missing or is not a list, or an item cannot name a branch.
    """
    value = _parameter(scope, over, "to map over")
    if not isinstance(value, (list, tuple)):
        raise FanError(f"the parameter {over!r} to map over is {_kind(value)}, not a list: {_text_of(value)}")
    for item in value:
        if "." in str(item):
            raise FanError(
                f"the item {_text_of(item)} of the parameter {over!r} contains a '.'; items name branches, and branch "
                "names cannot contain dots: map over other names, and look up the values in the steps"
            )
    return [thawed(item) for item in value]


def case(scope: Scope, on: str, cases: Iterable[str]) -> str:
    """Return the case of a choice: the branch named like the text of a parameter's value.

    Args:
        scope: what the node sees.
        on: the parameter.
        cases: the names of the branches.

    Raises:
        FanError: the parameter is missing or is not a single value, or does not name a branch.
    """
    value = _parameter(scope, on, "to choose by")
    if not isinstance(value, (str, int, float)):
        raise FanError(f"the parameter {on!r} to choose by is {_kind(value)}, not a single value: {_text_of(value)}")
    names = list(cases)
    if str(value) in names:
        return str(value)
    raise FanError(
        f"the parameter {on!r} is {str(value)!r}, which is not one of the cases {', '.join(map(repr, names))}"
    )


def again(scope: Scope, until: str, iteration: int, limit: int) -> bool:
    """Return whether a loop continues after a complete iteration.

    Args:
        scope: that of the last node of the iteration.
        until: the parameter that ends the loop if it is exactly ``True``.
        iteration: number of the iteration that has ended, from 0.
        limit: the maximum number of iterations.
    """
    return scope.parameters.get(until) is not True and iteration + 1 < limit


def join(  # noqa: PLR0913 - what a fan-in looks at
    dialect: Dialect,
    kind: Kind,
    outer: Scope,
    branches: Sequence[Branch],
    *,
    reducer: str | None = None,
    returns: Sequence[str] = (),
) -> tuple[State, Scope]:
    """Return the state of a composite node with finished branches, and the scope after it.

    It is complete if every branch is. What branches wrote is merged in declared order, the last one wins: in Magnus
    even if the node failed; in runnable only if it is complete or a loop. A map of runnable only passes on the
    parameters in ``returns``, each reduced to one value. Files in the catalog always stay.

    Args:
        dialect: the source language.
        kind: of the node.
        outer: what the node sees.
        branches: how the branches ended, in declared order; for a choice, only the chosen branch.
        reducer: Python expression of a function that combines all items' values (default: a list of them).
        returns: for a map of runnable, the parameters that steps directly in its branch return.

    Raises:
        FanError: the reducer fails, or a choice has no branch.
    """
    ended = [branch for branch in branches if kind not in {"choice", "loop"} or branch.state is not State.SKIPPED]
    if kind == "choice" and not ended:
        raise FanError("no case was chosen")
    state = _state(ended)
    ended_scopes = [branch.scope for branch in ended if branch.scope is not None]
    put: dict[str, FileRecord] = {}
    written: dict[str, Json] = {}
    for scope in ended_scopes:
        put.update(scope.put)
        written.update(scope.written)
    scoping = run_contract.scoping(dialect)
    if state is not State.COMPLETE and kind != "loop" and not scoping.keeps_failed:
        written = {}
    elif state is State.COMPLETE and kind == "map" and scoping.returns:
        written = _reduced(reducer, returns, ended_scopes)
    return state, scopes.after(outer, written, put)


def failure(branches: Sequence[Branch]) -> str:
    """Return why a composite node failed: the names of its failed branches."""
    failed = [branch.name for branch in branches if branch.state is State.ERROR]
    more = f", {len(failed) - _NAMED} more" if len(failed) > _NAMED else ""
    return f"failed branches: {', '.join(failed[:_NAMED])}{more}"


def commit(  # noqa: PLR0913 - all that is known of a composite node
    store: Store,
    id: ExecutionId,  # noqa: A002 - as in a manifest
    state: State,
    scope: Scope,
    *,
    reason: str | None = None,
    started: str,
    claimed: Callable[[str], None] = lambda _: None,
) -> Manifest:
    """Write the manifest of a composite node; its fan-in counts as its execution.

    Args:
        store: the store.
        id: the execution that is the fan-in; its ``kind`` is that of the composite node.
        state: how the node ended.
        scope: the scope for the next node.
        reason: why it failed.
        started: when its fan-out began, ISO-8601 in UTC.
        claimed: called with the URI of the manifest before it is written.

    Raises:
        StoreError: the store cannot be written.
    """
    identity = store.claim(id)
    claimed(store.uri(try_key(identity, MANIFEST)))
    store.begin(identity, {}, started)
    return store.commit(
        Manifest(
            id=identity,
            state=state,
            parameters={},
            metadata={},
            inputs={},
            outputs=[],
            started=started,
            ended=now(),
            reason=reason_text(reason),
            scope=scope,
        )
    )


def _state(branches: Sequence[Branch]) -> State:
    states = {branch.state for branch in branches}
    if State.ERROR in states:
        return State.ERROR
    return State.COMPLETE if states <= {State.COMPLETE} else State.STOPPED


def _reduced(reducer: str | None, returns: Sequence[str], scopes: Sequence[Scope]) -> dict[str, Json]:
    """Reduce each returned parameter to one value, from the items that have it, in order."""
    reduced: dict[str, Json] = {}
    for name in returns:
        values = [scope.written[name] for scope in scopes if name in scope.written]
        if any(isinstance(value, Pickle) for value in values):
            raise FanError(f"the items of the map return {name!r} as an object, and objects cannot be reduced")
        reduced[name] = _applied(reducer, name, values) if values else ""
    return reduced


def _applied(reducer: str | None, name: str, values: list[Json]) -> Json:
    if reducer is None:
        return values
    surroundings = {"__builtins__": builtins}
    try:
        value = eval(reducer, surroundings)(*values)  # noqa: S307 - the user's own function, like that of a step
        return cast("Json", parse(json.dumps(value)))
    except Exception as error:
        raise FanError(
            f"the reducer {reducer!r} fails for the {len(values)} values of {name!r}: {type(error).__name__}: {error}"
        ) from error


def _parameter(scope: Scope, name: str, purpose: str) -> Json:
    parameters: Mapping[str, Json] = scope.parameters
    if name not in parameters:
        known = ", ".join(sorted(parameters)) or "none"
        raise FanError(f"parameter {name!r} {purpose} does not exist; parameters: {known}")
    return parameters[name]


def _kind(value: Json) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, str):
        return "a string"
    if isinstance(value, (int, float)):
        return "a number"
    return "a list" if isinstance(value, (list, tuple)) else "an object"


def _text_of(value: Json) -> str:
    shown = repr(value)
    return shown if len(shown) <= 100 else f"{shown[:100]}…"  # noqa: PLR2004 - as many as a line of a log can hold
