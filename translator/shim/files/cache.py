"""Find the user's cache directory: what is in it can be removed at any time."""

from __future__ import annotations

import os
import stat
from pathlib import Path

_DIRECTORY = "pipeline-translator"


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
