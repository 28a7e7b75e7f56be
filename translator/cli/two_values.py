"""Show two values that differ."""

from __future__ import annotations

import json

_LONGEST = 50
"""The maximum number of characters of a value."""
_CONTEXT = 10
"""The number of equal characters before the first that differs, if the beginning of a value is left out."""


def both(left: object, right: object) -> tuple[str, str]:
    """Return two values as short texts that differ."""
    one, other = ("-" if value is None else json.dumps(value, ensure_ascii=False) for value in (left, right))
    differing = (place for place, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1])
    same = next(differing, min(len(one), len(other)))
    skipped = same - _CONTEXT if same >= _LONGEST - 1 else 0
    return _cut(one, skipped), _cut(other, skipped)


def _cut(text: str, skipped: int) -> str:
    shown = f"…{text[skipped:]}" if skipped else text
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"
