"""Look up files that a pipeline names, including unreadable files and unusual names."""

from __future__ import annotations

import errno
import os
from pathlib import Path


def is_missing(path: Path) -> bool:
    """Return whether nothing exists at ``path``; False if we lack permission to look."""
    try:
        return not path.exists()
    except PermissionError:
        return False
    except (OSError, ValueError):  # a name that no file can have: too long, with a NUL or a surrogate
        return True


def is_missing_file(path: Path) -> bool:
    """Return whether no file exists at ``path``; False if we lack permission to look."""
    try:
        return not path.is_file()
    except PermissionError:
        return False
    except (OSError, ValueError):
        return True


def real(path: Path) -> Path:
    """Return ``path`` as an absolute path without links, as far as these resolve."""
    return Path(os.path.realpath(path))


def make_folder(folder: Path) -> None:
    """Create a directory and its parents, at any depth.

    Raises:
        OSError: one of them cannot be created.
    """
    missing: list[Path] = []
    while not folder.is_dir():
        missing.append(folder)
        if folder.parent == folder:
            break
        folder = folder.parent
    if missing and missing[-1].exists():
        raise NotADirectoryError(errno.ENOTDIR, "a file is in place of a directory", str(missing[-1]))
    for each in reversed(missing):
        each.mkdir(exist_ok=True)
