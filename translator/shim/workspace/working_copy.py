"""Copy the project directory for one execution, so that nothing that its command does there reaches the project."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from translator.shim.files.digest import FICLONE, no_pulse

if TYPE_CHECKING:
    from collections.abc import Callable

_SMALL = 1 << 20
_EVERY = 200


@dataclass(slots=True)
class Listing:
    """The entries of a project: relative paths of directories, of files with their status, and of links.

    ``complete`` is false if the project has more than the listing was to hold.
    """

    directories: list[str] = field(default_factory=list)
    files: list[tuple[str, os.stat_result]] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    size: int = 0
    complete: bool = True


def listing(
    project: Path, without: Path | None = None, pulse: Callable[[], None] = no_pulse, *, entries: float = float("inf")
) -> Listing:
    """List a project.

    Args:
        project: the directory.
        without: a directory that is left out, with everything in it: the artifact store.
        pulse: called now and then; what it raises ends the work.
        entries: how many of them at most.
    """
    listed = Listing()
    left_out = os.path.realpath(without) if without is not None else ""
    root = str(project)
    waiting = [""]
    count = 0
    while waiting:
        here = waiting.pop()
        try:
            inside = os.scandir(root + here)
        except PermissionError:
            continue
        with inside:
            for entry in inside:
                count += 1
                if count > entries:
                    listed.complete = False
                    return listed
                if count % _EVERY == 0:
                    pulse()
                path = f"{here}/{entry.name}"
                if entry.is_symlink():
                    listed.links.append(path[1:])
                elif entry.is_dir(follow_symlinks=False):
                    if left_out and os.path.realpath(entry.path) == left_out:
                        continue
                    listed.directories.append(path[1:])
                    waiting.append(path)
                elif entry.is_file(follow_symlinks=False):
                    status = entry.stat(follow_symlinks=False)
                    listed.size += status.st_size
                    listed.files.append((path[1:], status))
    return listed


def make(
    project: Path, target: Path, without: Path | None, pulse: Callable[[], None], listed: Listing | None = None
) -> None:
    """Replace a link to the project by a copy of it.

    Args:
        project: the project.
        target: the link.
        without: a directory that is left out.
        pulse: called now and then; what it raises ends the work.
        listed: the entries of the project, if they are known.

    Raises:
        OSError: there is no room for it.
    """
    target.unlink()
    copy(project, target, listed or listing(project, without, pulse), pulse)


def copy(project: Path, target: Path, listed: Listing, pulse: Callable[[], None] = no_pulse) -> None:
    """Copy a listed project into the new directory ``target``; blocks are shared where the file system can do that.

    Files that may not be read become links to the project's, so that reading them fails as it does there.

    Raises:
        OSError: there is no room for it.
    """
    source, root = str(project), str(target)
    target.mkdir()
    for path in listed.directories:  # parents come first
        os.mkdir(f"{root}/{path}")  # noqa: PTH102 - on every execution's path
    for number, (path, status) in enumerate(listed.files):
        if number % _EVERY == 0:
            pulse()
        copy_file(f"{source}/{path}", f"{root}/{path}", status)
    for path in listed.links:
        with contextlib.suppress(FileNotFoundError):
            os.symlink(link(project, path), f"{root}/{path}")  # noqa: PTH211 - as above


def link(project: Path, path: str) -> str:
    """Return what a link of the project points to in a copy: the same, but absolute where it leaves the project."""
    to = os.readlink(project / path)  # noqa: PTH115 - as above
    if to.startswith("/"):
        return to
    there = os.path.normpath(os.path.join(os.path.dirname(path), to))  # noqa: PTH118, PTH120 - as above
    return to if there != ".." and not there.startswith("../") else os.path.normpath(project / there)


def copy_file(source: str, target: str, status: os.stat_result) -> None:
    """Copy a file with its mode and times; one that may not be read becomes a link, at which reading fails.

    Args:
        source: the file.
        target: the new file.
        status: of the source.

    Raises:
        OSError: there is no room for it. A file that is gone meanwhile is left out.
    """
    try:
        if status.st_size > _SMALL:
            if not _cloned(source, target):
                shutil.copyfile(source, target)
            Path(target).chmod(stat.S_IMODE(status.st_mode))
        else:
            with open(source, "rb", buffering=0) as file:  # noqa: PTH123 - as above
                content = file.read()
            handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                while content:
                    content = content[os.write(handle, content) :]
                os.fchmod(handle, stat.S_IMODE(status.st_mode))
            finally:
                os.close(handle)
        os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
    except PermissionError:
        with contextlib.suppress(FileExistsError):
            Path(target).symlink_to(source)
    except FileNotFoundError:
        if os.path.lexists(source):
            raise


def _cloned(source: str, target: str) -> bool:
    """Let a file share the blocks of another, if the file system can."""
    try:
        import fcntl
    except ImportError:
        return False
    with open(source, "rb") as file, open(target, "wb") as copied:  # noqa: PTH123 - as above
        try:
            fcntl.ioctl(copied.fileno(), FICLONE, file.fileno())
        except OSError:
            return False
    return True
