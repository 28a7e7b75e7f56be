"""Freeze JSON values for the IR (arrays as tuples), and thaw them (arrays as lists)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def frozen(value: Any) -> Any:
    """Return a value with its arrays as tuples."""
    if isinstance(value, Mapping):
        return {key: frozen(item) for key, item in value.items()}
    return tuple(frozen(item) for item in value) if isinstance(value, (list, tuple)) else value


def thawed(value: Any) -> Any:
    """Return a value with its arrays as lists, and its mappings as dicts."""
    if isinstance(value, Mapping):
        return {key: thawed(item) for key, item in value.items()}
    return [thawed(item) for item in value] if isinstance(value, (list, tuple)) else value
