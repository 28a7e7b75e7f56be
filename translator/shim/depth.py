"""How deep a value may be nested: Python, databases and the engines' serialisers have limits, the lowest at 254."""

from __future__ import annotations

DEPTH = 100


def too_deep(value: object) -> bool:
    """Return whether a value is nested deeper than ``DEPTH``."""
    level = [value]
    for _ in range(DEPTH + 1):
        below: list[object] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(item.values())
            elif isinstance(item, (list, tuple)):
                below.extend(item)
        if not below:
            return False
        level = below
    return True
