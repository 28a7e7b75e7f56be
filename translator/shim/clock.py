"""Format times: ISO-8601, UTC, milliseconds."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> str:
    """Return the current time, such as ``2026-11-21T08:00:00.123Z``."""
    return format_time(datetime.now(UTC))


def format_time(time: datetime) -> str:
    """Return a time with a time zone in the same format."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
