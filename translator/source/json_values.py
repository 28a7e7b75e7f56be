"""Freeze values of YAML into those of JSON that the IR holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from translator.ir import Json


def frozen(value: Any) -> Json:
    """Return a value of YAML with its arrays as tuples; keys, and scalars that JSON lacks, become strings."""
    if isinstance(value, (list, tuple)):
        return tuple(frozen(item) for item in value)
    if isinstance(value, Mapping):
        return {str(key): frozen(part) for key, part in value.items()}
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)
