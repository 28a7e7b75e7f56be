"""Decide which actions of a node take effect, and what that does to the run (docs/semantics.md)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from translator.shim.actions.conditions import ConditionError, holds
from translator.shim.contract import State
from translator.shim.errors import TranslatorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from translator.shim.contract import Action, Effect, Event

EVENTS: Mapping[State, Event] = {State.COMPLETE: "node-complete", State.ERROR: "node-error"}
"""The event of a node that has ended, by its state; others have none."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The values of an execution that conditions see."""

    parameters: Mapping[str, object] = field(default_factory=dict)
    metadata: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """A person's decision about an approval; ``by`` is who decided, if the engine knows."""

    approved: bool
    by: str | None = None


class UndecidedError(TranslatorError):
    """An approval that nobody has decided about yet."""


@dataclass(frozen=True, slots=True)
class Fired:
    """An effect of an action that took place; ``decision`` is that about an approval."""

    when: Event
    then: Effect
    conditions: Sequence[str] = ()
    decision: Decision | None = None

    @property
    def ends(self) -> State | None:
        """The state that it gives the run; None if the run continues."""
        if self.decision is not None:
            return None if self.decision.approved else State.STOPPED
        return {"stop-pipeline": State.STOPPED, "error-pipeline": State.ERROR}.get(self.then)

    def __str__(self) -> str:
        decided = ""
        if self.decision is not None:
            by = f" by {self.decision.by}" if self.decision.by else ""
            decided = f" ({'approved' if self.decision.approved else 'rejected'}{by})"
        return f"{self.then}{decided} at {self.when}" + (
            f", because {' and '.join(self.conditions)}" if self.conditions else ""
        )

    def document(self) -> dict[str, Any]:
        """Return the entry in ``run.json``."""
        document = {"when": self.when, "if": list(self.conditions), "then": self.then}
        if self.decision is None:
            return document
        by = {"by": self.decision.by} if self.decision.by else {}
        return {**document, "decision": "approved" if self.decision.approved else "rejected", **by}


def from_documents(documents: Iterable[Mapping[str, Any]]) -> tuple[Fired, ...]:
    """Read the entries that ``Fired.document`` wrote."""
    return tuple(
        Fired(
            one["when"],
            one["then"],
            tuple(one["if"]),
            Decision(one["decision"] == "approved", one.get("by")) if "decision" in one else None,
        )
        for one in documents
    )


def ending(fired: Iterable[Fired]) -> Fired | None:
    """Return the effect that ends the run; None if it continues."""
    return next((one for one in fired if one.ends is not None), None)


def undecided() -> Decision:
    """Raise ``UndecidedError``: nobody has decided about an approval yet."""
    raise UndecidedError("an approval is required")


def fire(
    actions: Iterable[Action],
    event: Event,
    executions: Sequence[Seen],
    warn: Callable[..., None],
    decide: Callable[[], Decision] = undecided,
) -> tuple[Fired, ...]:
    """Return the effects that take place at an event, in order, until one ends the run.

    Args:
        actions: the actions of the node, in the order of the source file.
        event: the event.
        executions: those that conditions are about; one for which all hold is enough.
        warn: writes a warning about a condition that cannot be evaluated, as a logger does.
        decide: returns the decision about an approval.

    Raises:
        UndecidedError: there is an approval, and ``decide`` raises this.
    """
    fired: list[Fired] = []
    for action in actions:
        conditions = _listed(action.condition)
        if event not in _listed(action.when) or not _is_met(conditions, executions, warn):
            continue
        for effect in _listed(action.then):
            decision = decide() if effect == "require-approval" else None
            fired.append(Fired(event, cast("Effect", effect), conditions, decision))
            if fired[-1].ends is not None:
                return tuple(fired)
    return tuple(fired)


def may_end(actions: Iterable[Action]) -> bool:
    """Return whether one of some actions may end the run."""
    return any(effect != "noop" for action in actions for effect in _listed(action.then))


def needs_approval(actions: Iterable[Action]) -> bool:
    """Return whether one of some actions requires an approval."""
    return any("require-approval" in _listed(action.then) for action in actions)


def approval_given(node: str, chosen: str | None) -> Decision | None:
    """Return the approval that ``translate run --approve`` gives a node; None if it gives none.

    Args:
        node: the node.
        chosen: the value of the environment variable ``variables.APPROVED``.
    """
    return Decision(approved=True) if chosen is not None and node in json.loads(chosen) else None


def _is_met(conditions: Sequence[str], executions: Sequence[Seen], warn: Callable[..., None]) -> bool:
    """Return whether all conditions hold for one of the executions; without executions, they see no values."""
    if not conditions:
        return True
    problems: dict[str, None] = {}
    for execution in executions or [Seen()]:
        if all(_holds(condition, execution, problems) for condition in conditions):
            return True
    for problem in problems:
        warn("a condition of an action does not hold, because it cannot be evaluated: %s", problem)
    return False


def _holds(condition: str, execution: Seen, problems: dict[str, None]) -> bool:
    try:
        return holds(condition, metadata=execution.metadata, parameters=execution.parameters)
    except ConditionError as error:
        problems[str(error)] = None
        return False


def _listed(value: str | Sequence[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)
