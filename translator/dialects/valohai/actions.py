"""Read the actions of a node: what happens when it starts, completes or fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from translator import ir
from translator.names import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from translator.diagnostics import Diagnostics
    from translator.source import Located

_WORDS = {ir.Event: "events", ir.Effect: "effects"}
_Choice = TypeVar("_Choice", ir.Event, ir.Effect)


def read_actions(node: Located, diagnostics: Diagnostics) -> tuple[ir.Action, ...] | None:
    """Read the actions of a node, in the order of the file.

    Valohai's parser accepts any words for events and effects, and warns that such an action might do nothing.

    Args:
        node: the node.
        diagnostics: receives unknown events and effects.

    Returns:
        The actions; None if one of them cannot be translated.
    """
    read = [_read_action(action, diagnostics) for action in node.list("actions")]
    actions = [action for action in read if action is not None]
    return tuple(actions) if len(actions) == len(read) else None


def _read_action(action: Located, diagnostics: Diagnostics) -> ir.Action | None:
    when = list(_choices(action, "when", ir.Event, diagnostics))
    then = list(_choices(action, "then", ir.Effect, diagnostics))
    conditions = list(_items(action.get("if")))
    if None in when or None in then:
        return None
    return ir.Action(
        action.span,
        tuple(dict.fromkeys(event for event in when if event is not None)),
        tuple(effect for effect in then if effect is not None),
        tuple(str(condition.value).strip() for condition in conditions),
        tuple(condition.span for condition in conditions),
    )


def _choices(action: Located, key: str, kind: type[_Choice], diagnostics: Diagnostics) -> Iterator[_Choice | None]:
    """Yield the events or effects of an action; None for those that cannot be translated."""
    known = {choice.value: choice for choice in kind}
    for item in _items(action.get(key)):
        # Valohai's parser reads events in lower case, and effects as they are written.
        word = str(item.value).lower() if kind is ir.Event else str(item.value)
        choice = known.get(word)
        if choice is None:
            shown = ", ".join(repr(name) for name in known)
            message = f"{key!r} cannot be {item.value!r}; it must be one of {shown}"
            hint = did_you_mean(word, known, _WORDS[kind])
            diagnostics.error("bad-value", message, item.span, hint=hint)
        yield choice


def _items(value: Located | None) -> tuple[Located, ...]:
    """Return a string or the items of a list."""
    if value is None or value.value is None:
        return ()
    return (value,) if value.items is None else tuple(value.items)
