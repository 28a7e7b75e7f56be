"""Write values that edges pass into environment variables as text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST = (128 << 10) - 1
"""The bytes of a variable with its name, its equals sign and its value, as Linux limits them (execve(2))."""


def texts(values: Mapping[str, object]) -> tuple[dict[str, str], str | None]:
    """Return the texts of environment variables, and why one of them cannot be set.

    A string is passed as it is, everything else as JSON, as ``parameters.json`` has it: ``0.1``, ``true``, ``["a"]``.

    Args:
        values: JSON values by the name of the variable.
    """
    passed: dict[str, str] = {}
    problem = None
    for name, value in values.items():
        try:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, allow_nan=False)
            reason = _flaw(name, text)
        except ValueError:
            text, reason = "", "JSON has neither NaN nor infinities"
        if reason is None:
            passed[name] = text
        else:
            problem = problem or f"the environment variable {name!r} cannot have the value of its edge: {reason}"
    return passed, problem


def _flaw(name: str, text: str) -> str | None:
    if "\0" in text:
        return "it contains a NUL character"
    try:
        length = len(f"{name}={text}".encode())
    except UnicodeEncodeError:
        return "it is not valid Unicode"
    return f"it has more than {LONGEST} bytes" if length > LONGEST else None
