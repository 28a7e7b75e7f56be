"""Seal directories in a cache: notice that something changed a file in one since it was made.

Commands run as the user who owns the cache, so without a mount namespace they can write to it. A seal compares names,
sizes, modes, inodes and times, not contents: it finds accidents, not a command that restores all of these.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BYTECODE = "__pycache__"
"""What Python writes beside scripts that it imports."""


def seal(folder: Path) -> None:
    """Record the state of a directory, beside it.

    Raises:
        OSError: it cannot be written.
    """
    beside = folder.with_name(f".{folder.name}.{os.urandom(4).hex()}")
    beside.write_text(_state(folder), encoding="ascii")
    beside.replace(_record(folder))


def is_sealed(folder: Path) -> bool:
    """Return whether a directory is there and has not changed since it was sealed."""
    try:
        return _record(folder).read_text(encoding="ascii") == _state(folder)
    except OSError:
        return False


def discard(folder: Path) -> None:
    """Remove a directory with its seal; nobody finds a part of it."""
    aside = folder.with_name(f".{folder.name}.{os.urandom(4).hex()}")
    _record(folder).unlink(missing_ok=True)
    try:
        folder.rename(aside)
    except FileNotFoundError:
        return
    shutil.rmtree(aside, ignore_errors=True)


def _record(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.seal")


def _state(folder: Path) -> str:
    digest = hashlib.sha256()
    for line in sorted(_entries(str(folder), "")):
        digest.update(line)
    return digest.hexdigest()


def _entries(root: str, below: str) -> Iterator[bytes]:
    with os.scandir(f"{root}/{below}") as entries:
        for entry in entries:
            path = f"{below}{entry.name}"
            status = entry.stat(follow_symlinks=False)
            if not stat.S_ISDIR(status.st_mode):
                state = (status.st_mode, status.st_size, status.st_mtime_ns, status.st_ino)
                yield os.fsencode(f"{path}\0{state}\n")
            elif entry.name != _BYTECODE:
                yield os.fsencode(f"{path}/\n")
                yield from _entries(root, f"{path}/")
