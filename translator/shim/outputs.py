"""Looks over a command's outputs folder before it is published: only regular files that belong to it go on.

Symbolic links to files in the workspace become the files they name. What leads out of the workspace, cannot be read or
has a name that no store can hold is a problem, which makes the execution err; pipes, sockets and devices hold no data
and are left out with a note.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from translator.shim import digest
from translator.shim.paths import PathError, relative

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Found:
    """The files to publish, relative to the outputs folder and sorted; problems and notes are for the user."""

    paths: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def tidy(folder: Path, allowed: Path, pulse: Callable[[], None] = digest.no_pulse) -> Found:
    """Make ``folder`` a tree of regular files that nobody else holds.

    Args:
        folder: the outputs folder; links in it are replaced by copies, and what cannot be published is removed.
        allowed: the folder that links may lead into.
        pulse: called between blocks of a copy; what it raises ends the work.
    """
    found = Found()
    _tidy_folder(folder, folder, allowed.resolve(), found, pulse)
    found.paths.sort()
    return found


def _tidy_folder(folder: Path, top: Path, allowed: Path, found: Found, pulse: Callable[[], None]) -> None:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        found.problems.append(f"the output folder {_name(folder, top)!r} cannot be read: {error.strerror}")
        return
    for entry in entries:
        path = Path(entry.path)
        name = _name(path, top)
        try:
            relative(name)
            if entry.is_symlink():
                _materialise(path, name, top, allowed, found, pulse)
            elif entry.is_dir(follow_symlinks=False):
                _tidy_folder(path, top, allowed, found, pulse)
            elif entry.is_file(follow_symlinks=False):
                _take(path, name, found, pulse)
            else:
                found.notes.append(f"the output {name!r} is {_kind(entry)} and is not kept")
                path.unlink()
        except PathError as error:
            found.problems.append(f"an output cannot be kept: {error}")
            _discard(path)
        except OSError as error:
            found.problems.append(f"the output {name!r} cannot be read: {error.strerror}")
            _discard(path)


def _take(path: Path, name: str, found: Found, pulse: Callable[[], None]) -> None:
    if path.stat().st_nlink > 1:
        # The other name may be a file of the user, which must neither become read-only nor change the artifact.
        _replace(path, path, pulse)
    else:
        with path.open("rb"):
            pass
    found.paths.append(name)


def _materialise(path: Path, name: str, top: Path, allowed: Path, found: Found, pulse: Callable[[], None]) -> None:
    shown = os.readlink(path)  # noqa: PTH115 - as it was written
    try:
        target = path.resolve(strict=True)
    except (FileNotFoundError, RuntimeError, NotADirectoryError):
        found.notes.append(f"the output {name!r} is a symbolic link to {shown!r}, which is not there; it is not kept")
        path.unlink()
        return
    if not target.is_relative_to(allowed):
        found.problems.append(
            f"the output {name!r} is a symbolic link to {shown!r}, outside of the workspace; copy the file instead"
        )
        path.unlink()
        return
    if target.is_file():
        _replace(target, path, pulse)
        found.paths.append(name)
    elif target.is_dir():
        if path.parent.resolve().is_relative_to(target):
            found.problems.append(f"the output {name!r} is a symbolic link to a folder that holds it")
            path.unlink()
            return
        path.unlink()
        path.mkdir()
        for entry in sorted(os.scandir(target), key=lambda one: one.name):
            (path / entry.name).symlink_to(entry.path)
        _tidy_folder(path, top, allowed, found, pulse)
    else:
        found.notes.append(f"the output {name!r} is a symbolic link to something that is no file; it is not kept")
        path.unlink()


def _replace(source: Path, path: Path, pulse: Callable[[], None]) -> None:
    beside = path.with_name(f".{os.urandom(6).hex()}")
    try:
        digest.copy_file(source, beside, pulse)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _discard(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink(missing_ok=True)


def _kind(entry: os.DirEntry[str]) -> str:
    mode = entry.stat(follow_symlinks=False).st_mode
    if stat.S_ISFIFO(mode):
        return "a named pipe"
    return "a socket" if stat.S_ISSOCK(mode) else "a device"


def _name(path: Path, top: Path) -> str:
    return str(path.relative_to(top))
