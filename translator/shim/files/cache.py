"""Find the user's cache directory: what is in it can be removed at any time."""

from __future__ import annotations

import contextlib
import json
import os
import stat
from pathlib import Path
from typing import Any

_DIRECTORY = "pipeline-translator"
_MOST = 256
"""How many JSON documents a directory of the cache keeps."""


def cache_directory() -> Path | None:
    """Return ``pipeline-translator`` in the user's cache directory (XDG_CACHE_HOME, ``~/.cache``).

    Only this user can write to it; None if there can be no such directory.
    """
    base = os.environ.get("XDG_CACHE_HOME", "")
    try:
        cache = (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / _DIRECTORY
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = cache.stat()
    except (OSError, RuntimeError):  # a home that cannot be written to, or none at all
        return None
    others = stat.S_IWGRP | stat.S_IWOTH
    return cache if status.st_uid == os.geteuid() and not status.st_mode & others else None


def read_cached(place: Path | None) -> Any:
    """Return a JSON document of the cache; None if it is not there, or damaged."""
    if place is None:
        return None
    try:
        return json.loads(place.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None


def write_cached(place: Path, document: object) -> None:
    """Write a JSON document to a directory of the cache, which keeps the latest; nothing happens if that fails."""
    beside = place.with_name(f".{place.name}.{os.urandom(4).hex()}")
    try:
        place.parent.mkdir(mode=0o700, exist_ok=True)
        beside.write_text(json.dumps(document), encoding="utf-8")
        beside.replace(place)
        names = os.listdir(place.parent)  # noqa: PTH208 - on every execution's path
        if len(names) > _MOST:
            ages = sorted((path.stat().st_mtime, path) for path in place.parent.iterdir())
            for _, path in ages[: len(ages) // 2]:
                path.unlink()
    except (OSError, UnicodeEncodeError):  # also if another process removes them, too
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
