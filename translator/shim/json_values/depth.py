"""Limit how deep values are nested: Python, databases and engines have limits, the lowest at 254."""

from __future__ import annotations

import json
from typing import Any

from translator.shim.errors import TranslatorError

DEPTH = 100
TOO_DEEP = f"it is nested deeper than {DEPTH}"


class DepthError(TranslatorError, ValueError):
    """A value is nested too deep."""


def parse(text: str | bytes) -> Any:
    """Read JSON.

    Raises:
        DepthError: it is nested deeper than ``DEPTH``.
        ValueError: it is not JSON.
    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise DepthError(TOO_DEEP) from None
    if too_deep(value):
        raise DepthError(TOO_DEEP)
    return value


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
