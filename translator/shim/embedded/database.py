"""Copy an engine's empty database from the user's cache, because to migrate one takes seconds.

The cache is ``pipeline-translator`` in the user's cache directory (XDG_CACHE_HOME, ``~/.cache``). What is in it can be
removed at any time, and a cache that cannot be used is as good as none.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sqlite3
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_DIRECTORY = "pipeline-translator"


def prepare(database: Path, engine: str, packages: Iterable[str], migrate: Callable[[], None]) -> None:
    """Create an engine's empty SQLite database: a copy of the cached one, or a new one, which is then cached.

    Args:
        database: the file, which does not exist.
        engine: name of the engine.
        packages: what the tables depend on: packages with their versions.
        migrate: creates the database.
    """
    key = hashlib.sha256("\n".join(sorted(packages)).encode()).hexdigest()[:16]
    cached = _directory()
    file = cached / f"{engine}-{key}.db" if cached is not None else None
    if file is not None and _copied(file, database):
        return
    migrate()
    if file is not None:
        _keep(database, file)


def _copied(file: Path, database: Path) -> bool:
    """Copy a cached database; return False, and leave nothing, if there is none or it is damaged."""
    try:
        shutil.copyfile(file, database)
        with contextlib.closing(sqlite3.connect(database)) as connection:
            if connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",) and _tables(connection):
                return True
    except (OSError, sqlite3.Error):
        pass
    for name in (database.name, f"{database.name}-wal", f"{database.name}-shm"):
        database.with_name(name).unlink(missing_ok=True)
    return False


def _tables(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is not None


def _keep(database: Path, file: Path) -> None:
    """Put a copy of a database into the cache, whole or not at all."""
    name = ""
    try:
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=f"{file.name}.")
        os.close(handle)
        # A copy of the file alone could lack what the engine has yet to move there from its journal.
        with (
            contextlib.closing(sqlite3.connect(database)) as source,
            contextlib.closing(sqlite3.connect(name)) as target,
        ):
            source.backup(target)
            target.execute("PRAGMA journal_mode=DELETE")
        Path(name).replace(file)
    except (OSError, sqlite3.Error):
        if name:
            Path(name).unlink(missing_ok=True)


def _directory() -> Path | None:
    """Return the cache's directory, which only this user can write to; None if there can be none."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    try:
        cache = (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / _DIRECTORY
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = cache.stat()
    except (OSError, RuntimeError):  # a home that cannot be written to, or none at all
        return None
    others = stat.S_IWGRP | stat.S_IWOTH
    return cache if found.st_uid == os.geteuid() and not found.st_mode & others else None
