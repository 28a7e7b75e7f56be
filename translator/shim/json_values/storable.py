"""Turn values and texts into what JSON, databases and stores can hold."""

from __future__ import annotations

import hashlib
import json
import math

from translator.shim.json_values.depth import DEPTH

_BRIEF, _BEGINNING = 1_000, 100
_REASON_LENGTH = 4_000


def sane(value: object, room: int = DEPTH) -> object:  # noqa: PLR0911 - one per type
    """Return ``value`` without parts that JSON or a database cannot hold.

    NaN and infinity become None; NUL and values nested deeper than ``room`` are removed.
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return text(value)
    if isinstance(value, (dict, list, tuple)):
        if not room:
            return "…"
        if isinstance(value, dict):
            return {text(str(key)): sane(item, room - 1) for key, item in value.items()}
        return [sane(item, room - 1) for item in value]
    if isinstance(value, (int, bool)) or value is None:
        return value
    return text(str(value))


def text(value: str) -> str:
    """Return ``value`` without NUL and lone surrogates, which PostgreSQL and UTF-8 reject."""
    if value.isascii() and "\x00" not in value:  # almost all are, and each execution has hundreds
        return value
    return value.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def reason_text(reason: str | None) -> str | None:
    """Return why something ended as it did as a record shows it: at most 4,000 characters that every store accepts."""
    return None if reason is None else text(reason)[:_REASON_LENGTH]


def brief(value: object) -> object:
    """Return ``value`` for the record of one of many executions, shortened with a digest if long.

    Otherwise the list that a map iterates over would be in the record of each item.
    """
    if not isinstance(value, (str, list, tuple, dict)):
        return sane(value)
    written = json.dumps(value, default=str)
    if len(written) <= _BRIEF:
        return sane(value)
    digest = hashlib.sha256(written.encode()).hexdigest()
    return {"$shortened": text(written[:_BEGINNING]) + "…", "sha256": digest}
