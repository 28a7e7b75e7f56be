"""Mask values of secrets in texts for people."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from translator.shim.masking.uris import MASK

_SENSITIVE = re.compile(
    r"(?:^|[_-])(?:SECRET|TOKEN|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|AUTH_?KEY)"
    r"(?:$|[_-]|S$)",
    re.IGNORECASE,
)
# Shorter values occur in any text, so they are only masked as separate words.
_SHORTEST = 4


def is_sensitive(name: str) -> bool:
    """Return whether the value of a variable with that name is probably a secret."""
    return _SENSITIVE.search(name) is not None


def looks_secret(name: str, value: str) -> bool:
    """Return whether a variable with that name and literal value is probably a secret."""
    return bool(value.strip()) and is_sensitive(name)


@dataclass(slots=True)
class Mask:
    """The values that are hidden in texts."""

    _values: set[str] = field(default_factory=set)
    _parts: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Return whether there is anything to hide."""
        return bool(self._parts)

    def remember(self, value: str) -> None:
        """Mask ``value`` from now on."""
        if value not in self._values:
            self._values.add(value)
            parts = {part for one in self._values for part in (one, *one.splitlines()) if part.strip()}
            self._parts = tuple(sorted(parts, key=len, reverse=True))

    def hide(self, text: str) -> str:
        """Return ``text`` without values of secrets."""
        for part in self._parts:
            if text == part:
                return MASK
            if len(part) >= _SHORTEST:
                text = text.replace(part, MASK)
        return text
