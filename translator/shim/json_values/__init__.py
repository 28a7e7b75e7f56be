"""Freeze JSON values for the IR (arrays as tuples), and thaw them (arrays as lists)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from translator.shim.contract import Pickle


def frozen(value: Any) -> Any:
    """Return a value with its arrays as tuples; keys, and scalars of YAML that JSON lacks, become strings."""
    if isinstance(value, (list, tuple)):
        return tuple(frozen(item) for item in value)
    if isinstance(value, Mapping):
        return {str(key): frozen(item) for key, item in value.items()}
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)


def thawed(value: Any) -> Any:
    """Return a value as ``json.loads`` would: lists, and dictionaries with strings as keys; a ``Pickle`` stays one."""
    if isinstance(value, (str, Pickle)):
        return value
    if isinstance(value, Mapping):
        return {str(key): thawed(item) for key, item in value.items()}
    return [thawed(item) for item in value] if isinstance(value, (list, tuple)) else value
