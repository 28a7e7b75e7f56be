"""Read the keys of a mapping in a Loom file, with an error for each wrong type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator.dialects.loom import model
from translator.names import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from translator.diagnostics import Diagnostics
    from translator.source import Located


def slots(owner: Located, key: str, diagnostics: Diagnostics, *, paths: bool = False) -> tuple[model.Slot, ...]:
    """Return the named values below ``key``; with ``paths``, each must be a string."""
    read: list[model.Slot] = []
    for name, value in mapping(owner, key, diagnostics).items():
        if paths and not isinstance(value.value, str):
            message = f"{name!r} in {key!r} must be $name or a path"
            diagnostics.error("bad-type", message, value.span)
            continue
        read.append(model.Slot(name, value.value, value.span))
    return tuple(read)


def slot(owner: Located, key: str) -> model.Slot | None:
    """Return the value below ``key`` with its location."""
    located = owner.get(key)
    return model.Slot(key, located.value, located.span) if located is not None and located.value is not None else None


def mapping(owner: Located, key: str, diagnostics: Diagnostics) -> Mapping[str, Located]:
    """Return the mapping below ``key``, without the keys that are not strings."""
    located = owner.get(key)
    if located is None or located.value is None:
        return {}
    if located.entries is None:
        diagnostics.error("bad-type", f"{key!r} must be a mapping", located.span)
        return {}
    for name in located.entries:
        if not isinstance(name, str):
            message = f"the key {name!r} is not a string"
            diagnostics.error("key-not-text", message, located.key_span(name), hint="quote it")
    return {name: value for name, value in located.entries.items() if isinstance(name, str)}


def text(owner: Located, key: str, diagnostics: Diagnostics) -> str | None:
    """Return the text below ``key``, if there is one."""
    located = owner.get(key)
    if located is None or located.value is None:
        return None
    if not isinstance(located.value, str):
        diagnostics.error("bad-type", f"{key!r} must be a string", located.span, hint="quote it")
        return None
    return located.value


def empty(owner: Located, key: str) -> bool:
    """Return whether nothing, or an empty text, is below ``key``."""
    located = owner.get(key)
    return located is None or located.value in (None, "")


def boolean(owner: Located, key: str, diagnostics: Diagnostics) -> bool | None:
    """Return the boolean below ``key``, if there is one."""
    located = owner.get(key)
    if located is None or located.value is None:
        return None
    if not isinstance(located.value, bool):
        diagnostics.error("bad-type", f"{key!r} must be true or false", located.span)
        return None
    return located.value


def count(owner: Located, key: str, diagnostics: Diagnostics) -> int | None:
    """Return the number of at least 1 below ``key``, if there is one."""
    located = owner.get(key)
    if located is None or located.value is None:
        return None
    if type(located.value) is not int or located.value < 1:
        diagnostics.error("bad-type", f"{key!r} must be an integer of at least 1", located.span)
        return None
    return located.value


def keys(owner: Located, allowed: tuple[str, ...], label: str, diagnostics: Diagnostics) -> None:
    """Warn about keys that Loom ignores."""
    for key in owner.entries or {}:
        if key not in allowed:
            hint = did_you_mean(str(key), allowed)
            message = f"{label} has no key {key!r}, so Loom ignores it"
            diagnostics.warning("unknown-key", message, owner.key_span(key), hint=hint)
