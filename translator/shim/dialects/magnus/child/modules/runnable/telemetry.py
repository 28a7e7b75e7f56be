"""Replace runnable's hooks for web servers that watch a run; nothing watches here."""

from __future__ import annotations

import json
from typing import Any

OTEL_AVAILABLE = False
StreamingSpanProcessor = None


def set_stream_queue(q: Any) -> None:
    """Accept a queue, and send nothing to it."""


def get_stream_queue() -> None:
    """Return None: nothing is streamed."""
    return


def truncate_value(value: Any, max_bytes: int = 256) -> str:
    """Return ``value`` as text of at most so many bytes."""
    try:
        text = json.dumps(value, default=str)
    except (TypeError, ValueError):
        return f"<unserializable: {type(value).__name__}>"
    return text if len(text) <= max_bytes else text[: max_bytes - 3] + "..."
