"""Write the actions of nodes as values of generated files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator.targets.render import call

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from enum import StrEnum

    from translator import ir
    from translator.targets.render import Call


def at_events(node: ir.StepNode, events: Collection[ir.Event]) -> list[Call]:
    """Return the actions of a node that are evaluated at some events, each with only these.

    Args:
        node: the node.
        events: the events.
    """
    written = []
    for action in node.policy.actions:
        when = [event for event in action.when if event in events]
        if when and action.then:
            condition = _one_or_several([str(condition) for condition in action.conditions])
            arguments = {"when": _plain(when), **({"condition": condition} if action.conditions else {})}
            written.append(call("Action", **arguments, then=_plain(action.then)))
    return written


def _plain(words: Sequence[StrEnum]) -> str | list[str]:
    return _one_or_several([word.value for word in words])


def _one_or_several(items: list[str]) -> str | list[str]:
    return items[0] if len(items) == 1 else items
