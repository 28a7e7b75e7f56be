"""Inspect a command's outputs directory before it is published: only regular files in it pass.

Symbolic links to files in the workspace become the files they name. What leads out of the workspace, cannot be read or
has a name that stores do not support is a problem, which fails the execution; pipes, sockets and devices have no data
and are left out with a note.
"""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from translator.shim.files import digest
from translator.shim.files.paths import PathError, relative

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from translator.shim.contract import Json

_NOWHERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
"""The errors of links that are broken or refer to themselves."""


@dataclass(frozen=True, slots=True)
class OutputFiles:
    """The files to publish, relative to the outputs directory and sorted; problems and notes are for the user.

    ``folders`` are the empty directories; ``taken`` means that the outputs directory was removed. ``properties`` are
    what the command says of files, by path.
    """

    paths: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    taken: bool = False
    properties: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)


def tidy(
    folder: Path,
    allowed: Path,
    pulse: Callable[[], None] = digest.no_pulse,
    *,
    where: Callable[[str], Path | None] = lambda _: None,
    project: Path | None = None,
) -> OutputFiles:
    """Turn ``folder`` into a tree of regular files without links.

    Args:
        folder: the outputs directory; copies replace links in it, and files that cannot be published are removed.
        allowed: the directory that links may lead into.
        pulse: called between blocks of a copy; an exception ends the work.
        where: says where on this worker a path is that the command saw; None if it is the same.
        project: a directory that links may lead into as well: what is unchanged in a working copy may still be there.
    """
    scan = _Scan(folder, allowed.resolve(), pulse, where, project.resolve() if project is not None else None)
    scan.over(folder)
    scan.found.paths.sort()
    return scan.found


def tidy_some(
    folder: Path, paths: Sequence[str], allowed: Path, pulse: Callable[[], None] = digest.no_pulse
) -> OutputFiles:
    """Tidy some files and directories in ``folder``; missing ones are not outputs."""
    scan = _Scan(folder, allowed.resolve(), pulse)
    for path in paths:
        scan.single(folder / path)
    scan.found.paths.sort()
    return scan.found


def own(path: Path) -> None:
    """Replace a staged file by a copy that the command may write to."""
    _replace(path, path, digest.no_pulse)
    path.chmod(stat.S_IRUSR | stat.S_IWUSR)


@dataclass(frozen=True, slots=True)
class _Scan:
    """A pass over the directory ``top``."""

    top: Path
    allowed: Path
    pulse: Callable[[], None]
    where: Callable[[str], Path | None] = lambda _: None
    project: Path | None = None
    found: OutputFiles = field(default_factory=OutputFiles)

    def single(self, path: Path) -> None:
        if not path.parent.resolve().is_relative_to(self.allowed):
            self.problem(f"the output {self.name(path)!r} is in a directory outside the workspace")
            return
        try:
            entries = [entry for entry in os.scandir(path.parent) if entry.name == path.name]
        except (FileNotFoundError, NotADirectoryError):
            return
        for entry in entries:
            self.at(entry, path)

    def over(self, folder: Path) -> None:
        if folder != self.top:
            before = len(self.found.paths) + len(self.found.folders)
            self.entries(folder)
            if len(self.found.paths) + len(self.found.folders) == before:
                self.found.folders.append(self.name(folder))
            return
        self.entries(folder)

    def entries(self, folder: Path) -> None:
        try:
            if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
                folder.chmod(stat.S_IRWXU)
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            self.problem(f"the output directory {self.name(folder)!r} cannot be read: {error.strerror}")
            return
        for entry in entries:
            path = Path(entry.path)
            try:
                relative(self.name(path))
                self.at(entry, path)
            except PathError as error:
                self.problem(f"an output cannot be published: {error}")
            except OSError as error:
                self.problem(f"the output {self.name(path)!r} cannot be read: {error.strerror}")

    def at(self, entry: os.DirEntry[str], path: Path) -> None:
        if entry.is_symlink():
            self.link(path)
        elif entry.is_dir(follow_symlinks=False):
            self.over(path)
        elif entry.is_file(follow_symlinks=False):
            self.file(path)
        else:
            kind = digest.kind(entry.stat(follow_symlinks=False).st_mode)
            self.note(f"the output {self.name(path)!r} is {kind}, which has no content; not published")
            path.unlink()

    def file(self, path: Path) -> None:
        if path.stat(follow_symlinks=False).st_nlink > 1:
            # The other link may be a file of the user, which must neither become read-only nor change the artifact.
            _replace(path, path, self.pulse)
        elif not os.access(path, os.R_OK):
            path.chmod(stat.S_IRUSR)
        self.found.paths.append(self.name(path))

    def link(self, path: Path) -> None:
        written = os.readlink(path)  # noqa: PTH115 - as the command wrote it
        what = f"the output {self.name(path)!r} is a symbolic link to {written!r}"
        there = self.where(os.path.normpath(written))
        if there is not None:
            path.unlink()
            path.symlink_to(there)
        try:
            target = path.resolve(strict=True)
        except (OSError, RuntimeError) as error:  # up to Python 3.12, a loop is a RuntimeError
            if isinstance(error, OSError) and error.errno not in _NOWHERE:
                raise
            self.note(f"{what}, which does not exist; not published")
            path.unlink()
            return
        if not (target.is_relative_to(self.allowed) or (self.project and target.is_relative_to(self.project))):
            self.problem(f"{what}, outside the workspace; copy the file instead")
            path.unlink()
        elif target.is_file():
            _replace(target, path, self.pulse)
            self.found.paths.append(self.name(path))
        elif not target.is_dir():
            self.note(f"{what}, which is not a file; not published")
            path.unlink()
        elif path.parent.resolve().is_relative_to(target):
            self.problem(f"{what}, a directory that contains the link itself")
            path.unlink()
        else:
            path.unlink()
            path.mkdir()
            for entry in os.scandir(target):
                (path / entry.name).symlink_to(entry.path)
            self.over(path)

    def name(self, path: Path) -> str:
        return str(path.relative_to(self.top))

    def note(self, message: str) -> None:
        self.found.notes.append(message)

    def problem(self, message: str) -> None:
        self.found.problems.append(message)


def _replace(source: Path, path: Path, pulse: Callable[[], None]) -> None:
    beside = path.with_name(f".{os.urandom(6).hex()}")
    try:
        digest.copy_file(source, beside, pulse)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
