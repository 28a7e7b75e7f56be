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
    found: list[model.Slot] = []
    for name, value in mapping(owner, key, diagnostics).items():
        if paths and not isinstance(value.value, str):
            message = f"{name!r} in {key!r} must be $name or a path"
            diagnostics.error("bad-type", message, value.span)
            continue
        found.append(model.Slot(name, value.value, value.span))
    return tuple(found)


def slot(owner: Located, key: str) -> model.Slot | None:
    """Return the value below ``key`` with its location."""
    found = owner.get(key)
    return model.Slot(key, found.value, found.span) if found is not None and found.value is not None else None


def mapping(owner: Located, key: str, diagnostics: Diagnostics) -> Mapping[str, Located]:
    """Return the mapping below ``key``, without the keys that are not strings."""
    found = owner.get(key)
    if found is None or found.value is None:
        return {}
    if found.entries is None:
        diagnostics.error("bad-type", f"{key!r} must be a mapping", found.span)
        return {}
    for name in found.entries:
        if not isinstance(name, str):
            message = f"the key {name!r} is not a string"
            diagnostics.error("key-not-text", message, found.key_span(name), hint="quote it")
    return {name: value for name, value in found.entries.items() if isinstance(name, str)}


def text(owner: Located, key: str, diagnostics: Diagnostics) -> str | None:
    """Return the text below ``key``, if there is one."""
    found = owner.get(key)
    if found is None or found.value is None:
        return None
    if not isinstance(found.value, str):
        diagnostics.error("bad-type", f"{key!r} must be a string", found.span, hint="quote it")
        return None
    return found.value


def empty(owner: Located, key: str) -> bool:
    """Return whether nothing, or an empty text, is below ``key``."""
    found = owner.get(key)
    return found is None or found.value in (None, "")


def boolean(owner: Located, key: str, diagnostics: Diagnostics) -> bool | None:
    """Return the boolean below ``key``, if there is one."""
    found = owner.get(key)
    if found is None or found.value is None:
        return None
    if not isinstance(found.value, bool):
        diagnostics.error("bad-type", f"{key!r} must be true or false", found.span)
        return None
    return found.value


def count(owner: Located, key: str, diagnostics: Diagnostics) -> int | None:
    """Return the number of at least 1 below ``key``, if there is one."""
    found = owner.get(key)
    if found is None or found.value is None:
        return None
    if type(found.value) is not int or found.value < 1:
        diagnostics.error("bad-type", f"{key!r} must be an integer of at least 1", found.span)
        return None
    return found.value


def keys(owner: Located, known: tuple[str, ...], what: str, diagnostics: Diagnostics) -> None:
    """Warn about keys that Loom ignores."""
    for key in owner.entries or {}:
        if key not in known:
            hint = did_you_mean(str(key), known)
            message = f"{what} has no key {key!r}, so Loom ignores it"
            diagnostics.warning("unknown-key", message, owner.key_span(key), hint=hint)
