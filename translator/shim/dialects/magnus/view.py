# ruff: noqa: PTH102, PTH103, PTH105, PTH110, PTH116, PTH120, PTH122, PTH211 - too slow for thousands
"""Create a step's working directory: a writable view of the project that leaves the project alone.

Hidden directories, virtual environments, ``node_modules``, ``__pycache__`` and the artifact store are left out. Files
that steps seldom write to, sources and large files, are hard links to a copy of the project that the views of a store
share; the others, and what the step may put into the catalog, are its own copies. A step that writes to a shared file
all the same changes it for steps that run beside it, as the source engines do, but not for later ones: what is not as
it is in the project is copied anew. Of large files ``COPIED_IN_TOTAL`` bytes are copied; those beyond are symbolic
links into the project, and ``changed`` tells which of them a step has written to.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from translator.shim.dialects.magnus.patterns import compiled
from translator.shim.files import digest
from translator.shim.workspace.working_copy import copy_file

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

COPIED = 1 << 20
COPIED_IN_TOTAL = 4 << 30
INSTEAD = "add it to the catalog's 'put' patterns to get a writable copy"
_LEFT_OUT = {"node_modules", "__pycache__"}
_SOURCES = frozenset(
    [
        ".py",
        ".pyi",
        ".pyx",
        ".so",
        ".sql",
        ".r",
        ".jl",
        ".js",
        ".ts",
        ".css",
        ".html",
        ".md",
        ".rst",
        ".toml",
        ".cfg",
        ".ini",
        ".sh",
        ".c",
        ".h",
        ".cpp",
        ".svg",
        ".png",
        ".jpg",
    ]
)


def show(  # noqa: PLR0913, PLR0917 - all that a view needs
    project: Path,
    folder: Path,
    put: Sequence[str],
    without: Path | None,
    shared: Path,
    pulse: Callable[[], None] = digest.no_pulse,
) -> dict[str, str]:
    """Fill the new directory ``folder`` with the content of ``project``.

    Args:
        project: the directory of the source file.
        folder: the working directory.
        put: patterns of files that the step may write.
        without: the directory of the artifact store, if it is a directory.
        shared: a directory on the file system of ``folder`` in which the shared copies are shared_copies, by project.
        pulse: called per directory; an exception ends the work.

    Returns:
        By path the stamps of the project's own files that the view links to.

    Raises:
        ValueError: a pattern is invalid.
    """
    own = [compiled(pattern) for pattern in put]
    with _lock_against_cleaning(shared / f"project-{key(project)}") as shared_copies:
        view = _View(str(project), str(folder), shared_copies, own, str(without) if without is not None else "", pulse)
        view.folder("")
    return view.linked


def key(project: Path) -> str:
    """Return a key that identifies a project among shared copies."""
    return hashlib.sha256(os.fsencode(project.resolve())).hexdigest()[:16]


def changed(project: Path, linked: Mapping[str, str]) -> list[str]:
    """Return the project's files that changed since a view linked to them."""
    return [path for path, stamp in linked.items() if not _same(project / path, stamp)]


@dataclass(slots=True)
class _View:
    """A view under construction; paths in it are relative, with a leading slash except for the top."""

    project: str
    target: str
    shared_copies: str | None
    own: Sequence[re.Pattern[str]]
    without: str
    pulse: Callable[[], None]
    linked: dict[str, str] = field(default_factory=dict)
    large: int = 0

    def folder(self, here: str) -> None:
        self.pulse()
        os.mkdir(self.target + here)
        below = []
        with os.scandir(self.project + here) as entries:
            for entry in entries:
                path = f"{here}/{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    if not self.left_out(entry):
                        below.append(path)
                elif entry.is_symlink() and entry.is_dir():
                    if not self.left_out(entry):
                        os.symlink(os.path.realpath(entry.path), self.target + path)
                elif entry.is_file():
                    self.file(path, entry.name, entry.stat())
        for path in sorted(below):
            self.folder(path)

    def left_out(self, entry: os.DirEntry[str]) -> bool:
        hidden = entry.name.startswith(".") or entry.name in _LEFT_OUT or entry.path == self.without
        return hidden or os.path.exists(f"{entry.path}/pyvenv.cfg")

    def file(self, path: str, name: str, status: os.stat_result) -> None:
        source, target = self.project + path, self.target + path
        large = status.st_size > COPIED
        source_code = os.path.splitext(name)[1].lower() in _SOURCES
        if (not large and not source_code) or any(one.fullmatch(path[1:]) for one in self.own):
            copy_file(source, target, status)
            return
        if large:
            self.large += status.st_size
        if large and self.large > COPIED_IN_TOTAL:
            os.symlink(source, target)
            self.linked[path[1:]] = digest.stamp(status)
        elif self.shared_copies is None or not _linked(source, self.shared_copies + path, target, status):
            copy_file(source, target, status)


@contextlib.contextmanager
def _lock_against_cleaning(folder: Path) -> Iterator[str | None]:
    """Lock ``folder`` against cleaning and yield it, or None if it cannot be locked."""
    try:
        folder.mkdir(mode=stat.S_IRWXU, parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        yield None
        return
    try:
        with contextlib.suppress(ImportError, OSError):
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            os.utime(folder)
        yield str(folder)
    finally:
        os.close(handle)


def _linked(source: str, shared: str, target: str, status: os.stat_result) -> bool:
    """Link ``target`` to the shared copy of ``source``, and create or update that copy if it differs."""
    try:
        try:
            fresh = _state(os.stat(shared)) == _state(status)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(shared), exist_ok=True)
            fresh = False
        if not fresh:
            beside = f"{shared}.{os.urandom(6).hex()}"
            copy_file(source, beside, status)
            os.replace(beside, shared)
        os.link(shared, target)
    except OSError:
        return False
    return True


def _state(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_size, status.st_mtime_ns, status.st_mode


def _same(path: Path, stamp: str) -> bool:
    try:
        return digest.stamp(path.stat()) == stamp
    except OSError:
        return False
