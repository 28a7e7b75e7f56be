"""Represent values of a YAML file that know their location in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from translator.span import Span

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(slots=True, eq=False)
class Located:
    """A value of a YAML file and its location.

    ``value`` is plain Python (dict, list, str, int, float, bool, None, or a date for YAML 1.1). ``entries`` holds a
    mapping's values and ``keys`` its keys, by key; ``items`` a list's items. ``text`` is a scalar as it was written.
    """

    value: Any
    file: str
    start: tuple[int, int]
    end: tuple[int, int]
    entries: Mapping[Any, Located] | None = None
    keys: Mapping[Any, Located] | None = None
    items: Sequence[Located] | None = None
    text: str | None = None
    size: int = 1

    @property
    def span(self) -> Span:
        """The location of the value."""
        return Span(self.file, *self.start, *self.end)

    def get(self, key: str) -> Located | None:
        """Return the value of ``key``, if this is a mapping with that key."""
        return self.entries.get(key) if self.entries else None

    def list(self, key: str) -> Sequence[Located]:
        """Return the items of the list below ``key``; empty if it is not a list."""
        value = self.get(key)
        return value.items or () if value else ()

    def key_span(self, key: str) -> Span:
        """Return the span of ``key`` itself, or that of the mapping if the key is missing."""
        key_place = self.keys.get(key) if self.keys else None
        return key_place.span if key_place else self.span

    def value_span(self, key: str) -> Span:
        """Return the span of the value of ``key``, or that of the mapping if the key is missing."""
        value = self.get(key)
        return value.span if value else self.span

    def at(self, path: Sequence[object]) -> Located:
        """Return the value below ``path`` (keys and indices), or the deepest existing one on the way."""
        deepest = self
        for part in path:
            below: Located | None = None
            if deepest.entries is not None:
                below = deepest.entries.get(part)
            elif deepest.items is not None and isinstance(part, int) and 0 <= part < len(deepest.items):
                below = deepest.items[part]
            if below is None:
                return deepest
            deepest = below
        return deepest
