"""Copy an engine's empty database from the user's cache, because to migrate one takes seconds.

The cache is ``pipeline-translator`` in the user's cache directory (XDG_CACHE_HOME, ``~/.cache``). What is in it can be
removed at any time, and a cache that cannot be used is as good as none.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from translator.shim.files.cache import cache_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_LENGTH = 16
"""The number of digits of a digest in a name."""


def prepare(database: Path, engine: str, packages: Iterable[str], migrate: Callable[[], None]) -> None:
    """Create an engine's empty SQLite database: a copy of the cached one, or a new one, which is then cached.

    Args:
        database: the file, which does not exist.
        engine: name of the engine.
        packages: what the tables depend on: packages with their versions.
        migrate: creates the database.

    Raises:
        Exception: what ``migrate`` raises; then nothing is cached.
    """
    key = hashlib.sha256("\n".join(sorted(packages)).encode()).hexdigest()[:_LENGTH]
    directory = cache_directory()
    if directory is not None and any(_copied(file, database) for file in directory.glob(f"{engine}-{key}-*.db")):
        return
    migrate()
    if directory is not None:
        _keep(database, directory, f"{engine}-{key}")


def _copied(file: Path, database: Path) -> bool:
    """Copy a cached database; remove it from the cache, and return False, if it is damaged.

    SQLite does not notice all damage. So the name of the file ends in a digest of what is in it.
    """
    try:
        content = file.read_bytes()
        if _digest(content) == file.stem.rpartition("-")[2]:
            database.write_bytes(content)
            return True
        file.unlink()
    except OSError:
        database.unlink(missing_ok=True)
    return False


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_LENGTH]


def _keep(database: Path, directory: Path, name: str) -> None:
    """Put a copy of a database into the cache, whole or not at all."""
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(dir=directory, prefix=f".{name}-")
        os.close(handle)
        # A copy of the file alone could lack what the engine has yet to move there from its journal.
        with (
            contextlib.closing(sqlite3.connect(database)) as source,
            contextlib.closing(sqlite3.connect(temporary)) as target,
        ):
            source.backup(target)
            target.execute("PRAGMA journal_mode=DELETE")
        copy = Path(temporary)
        copy.replace(directory / f"{name}-{_digest(copy.read_bytes())}.db")
    except (OSError, sqlite3.Error):
        if temporary:
            Path(temporary).unlink(missing_ok=True)
