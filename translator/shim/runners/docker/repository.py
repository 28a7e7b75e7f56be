"""Copy the project for one execution, so that nothing that its command does there reaches the project."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_LEFT_OUT = frozenset({"__pycache__", "node_modules"})


def copy(project: Path, target: Path, without: Path | None, pulse: Callable[[], None]) -> None:
    """Copy a project, in place of the link to it.

    Args:
        project: the directory of the source file.
        target: the link, which becomes a directory.
        without: the artifact store, if it is a directory.
        pulse: called per file; what it raises ends the work.
    """
    target.unlink()
    target.mkdir()
    folders = [(project, target)]
    while folders:
        source, copied = folders.pop()
        with os.scandir(source) as entries:
            for entry in entries:
                path, to = Path(entry.path), copied / entry.name
                if entry.is_symlink():
                    to.symlink_to(path.readlink())
                elif entry.is_dir():
                    if path != without and entry.name not in _LEFT_OUT and not (path / "pyvenv.cfg").exists():
                        to.mkdir()
                        folders.append((path, to))
                elif entry.is_file():
                    shutil.copy2(path, to)
                    pulse()
    shutil.copystat(project, target)
