"""Let links that a command left lead on this worker where they led for the command."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def below(home: str, root: Path) -> Callable[[str], Path | None]:
    """Return the function that tells where a path below ``home`` is on this worker: at the same place in ``root``."""

    def where(path: str) -> Path | None:
        return root / path.removeprefix(f"{home}/") if path.startswith(f"{home}/") else None

    return where


def translate(folder: Path, where: Callable[[str], Path | None]) -> None:
    """Replace the absolute links in ``folder`` by links to where things are on this worker.

    Args:
        folder: the outputs directory; directories that cannot be read are left as they are.
        where: returns the place on this worker of a path that the command saw; None if it is the same.
    """
    waiting = [folder] if folder.is_dir() and not folder.is_symlink() else []
    while waiting:
        here = waiting.pop()
        with contextlib.suppress(OSError):
            for entry in list(os.scandir(here)):
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(Path(entry.path))
                elif entry.is_symlink():
                    target = where(os.path.normpath(os.readlink(entry.path)))  # noqa: PTH115 - as written
                    if target is not None:
                        os.unlink(entry.path)  # noqa: PTH108 - beside scandir
                        os.symlink(target, entry.path)  # noqa: PTH211 - as above
