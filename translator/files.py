"""Looks at files that a pipeline names, whatever their names are and whoever may read them."""

from __future__ import annotations

import errno
import os
from pathlib import Path


def is_missing(path: Path) -> bool:
    """Whether there is certainly nothing at ``path``; what must not be looked at may be there."""
    try:
        return not path.exists()
    except PermissionError:
        return False
    except (OSError, ValueError):  # a name that no file can have: too long, with a NUL, half a character
        return True


def is_missing_file(path: Path) -> bool:
    """Whether there is certainly no file at ``path``; what must not be looked at may be one."""
    try:
        return not path.is_file()
    except PermissionError:
        return False
    except (OSError, ValueError):
        return True


def real(path: Path) -> Path:
    """``path`` as an absolute one without links, as far as these lead somewhere."""
    return Path(os.path.realpath(path))


def make_folder(folder: Path) -> None:
    """Make a folder and those around it, however deep.

    Raises:
        OSError: one of them cannot be made.
    """
    missing: list[Path] = []
    while not folder.is_dir():
        missing.append(folder)
        if folder.parent == folder:
            break
        folder = folder.parent
    if missing and missing[-1].exists():
        raise NotADirectoryError(errno.ENOTDIR, "there is a file where a folder is to be", str(missing[-1]))
    for each in reversed(missing):
        each.mkdir(exist_ok=True)
