"""Decide what a command sees of the worker's file system, and what of it it cannot change."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_OWN = frozenset({"dev", "proc"})


# Without "volatile", the end of an overlay syncs the whole file system that has its changes. "userxattr" is for plain
# users, and for root without rights on the machine; with it, directories of the project cannot be renamed.
OVERLAYS = ("redirect_dir=on,volatile", "redirect_dir=on", "userxattr,volatile", "userxattr")
"""The options with which an overlay can be mounted, the best first."""


@dataclass(frozen=True, slots=True)
class Overlay:
    """A directory that shows ``lower`` at ``target``; what is written goes to ``upper``. ``work`` is the kernel's."""

    lower: Path
    upper: Path
    work: Path
    target: Path
    options: str

    @property
    def data(self) -> str:
        """What ``mount`` gets as the options."""
        places = (("lowerdir", self.lower), ("upperdir", self.upper), ("workdir", self.work))
        return ",".join([*(f"{name}={_escaped(str(path))}" for name, path in places), self.options])

    def attribute(self, name: str) -> str:
        """Return the extended attribute in which the kernel keeps something about a directory of ``upper``."""
        return f"{'user' if 'userxattr' in self.options else 'trusted'}.overlay.{name}"


@dataclass(frozen=True, slots=True)
class Mounts:
    """The mounts of an execution's namespace, in the order in which they are made.

    ``read_only`` are directories that cannot be written to, except for what ``writable`` has below them. ``home`` is
    the fixed directory at which the command finds ``root``.
    """

    read_only: tuple[str, ...]
    writable: tuple[str, ...]
    root: str
    home: str | None = None
    overlay: Overlay | None = None


def mounts(
    protected: Iterable[str | Path], place: Path, root: Path, home: str | None, overlay: Overlay | None
) -> Mounts:
    """Return the mounts of an execution.

    Args:
        protected: directories that the command must not change; what does not exist is left out.
        place: the directory of the execution, everything in which is its own.
        root: the part of it that the command knows.
        home: where the command expects that.
        overlay: its working copy, if that is one.
    """
    own = os.path.realpath(place)
    # Whoever protects the home directory, or all of the temporary ones, keeps every program from working.
    needed = {os.path.realpath(path) for path in ("/", os.path.expanduser("~"), _temporary())}  # noqa: PTH111
    real_paths = {os.path.realpath(path) for path in protected}
    kept = sorted(path for path in real_paths if os.path.isdir(path) and not any(_below(one, path) for one in needed))  # noqa: PTH112
    # What is below another on the same file system is read-only with it.
    kept = [path for path in kept if not any(_within(path, other) for other in kept)]
    return Mounts(tuple(kept), (own,), str(root), home, overlay)


def top(without: str | None) -> list[tuple[str, str | None]]:
    """Return what is at the top of the file system: each path, with what it points to if it is a link."""
    found: list[tuple[str, str | None]] = []
    with os.scandir("/") as entries:
        for entry in sorted(entries, key=lambda one: one.name):
            if entry.name in _OWN or f"/{entry.name}" == without:
                continue
            found.append((f"/{entry.name}", os.readlink(entry.path) if entry.is_symlink() else None))  # noqa: PTH115
    return found


def _below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _within(path: str, folder: str) -> bool:
    return path != folder and _below(path, folder) and os.stat(path).st_dev == os.stat(folder).st_dev  # noqa: PTH116


def _escaped(path: str) -> str:
    """Return a path as an option of an overlay, in which colons, commas and backslashes mean something."""
    return path.replace("\\", "\\\\").replace(":", "\\:").replace(",", "\\,")


def _temporary() -> str:
    import tempfile

    return tempfile.gettempdir()
