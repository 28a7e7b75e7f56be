"""Show times of records to people."""

from __future__ import annotations

from datetime import UTC, datetime

_MINUTE, _HOUR = 60, 3600
_TENTHS_BELOW = 10


def instant(text: object) -> datetime | None:
    """Return the time that a record names (ISO-8601); None if it names none."""
    if not isinstance(text, str):
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


def local(text: object) -> str:
    """Return a time of a record in the local time zone, such as ``2026-11-28 09:15:02``; empty if there is none."""
    time = instant(text)
    try:
        return f"{time.astimezone():%Y-%m-%d %H:%M:%S}" if time is not None else ""
    except OverflowError:  # the first or the last year
        return ""


def seconds(started: object, ended: object) -> float | None:
    """Return the seconds between two times of a record; None if one is missing."""
    first, last = instant(started), instant(ended)
    return max(0.0, (last - first).total_seconds()) if first is not None and last is not None else None


def duration(length: float | None) -> str:
    """Return a duration in seconds as text, such as ``0.4 s``, ``12 s``, ``3 min 04 s``, ``2 h 05 min``."""
    if length is None:
        return ""
    if length < _TENTHS_BELOW - 0.05:
        return f"{length:.1f} s"
    whole = round(length)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02} s"
    minutes = whole // _MINUTE
    return f"{minutes // _MINUTE} h {minutes % _MINUTE:02} min"
