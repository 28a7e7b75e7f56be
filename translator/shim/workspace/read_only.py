"""Find the files that a running command has made read-only in its outputs directory, and take them out of it.

The command may change anything meanwhile. So directories are opened one below another and never through a link, and
what was moved is checked again.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from translator.shim.files import digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_DEEPEST = 64
"""Each directory on the way to a file is open; files in deeper ones are found when the command has ended."""
_WRITABLE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class ReadOnlyFile:
    """A regular file without write permissions and without other hard links.

    Args:
        path: relative to the outputs directory.
        name: its name in its directory.
        directory: the open directory.
        status: of the file, as it was found.
    """

    path: str
    name: str
    directory: int
    status: os.stat_result

    @property
    def stamp(self) -> str:
        """Return the stamp of the file as it was found (``translator.shim.files.digest``)."""
        return digest.stamp(self.status)

    def is_written(self) -> bool | None:
        """Return whether a process has it open for writing; None if the system cannot tell.

        Raises:
            OSError: it cannot be read.
        """
        with self._opened() as file:
            return is_written(file)

    def sha256(self, pulse: Callable[[], None]) -> str:
        """Return its SHA-256.

        Raises:
            OSError: it cannot be read.
            BaseException: what ``pulse`` raises between two blocks.
        """
        with self._opened() as file, os.fdopen(os.dup(file), "rb", buffering=0) as stream:
            return digest.pump(stream, lambda _: None, pulse)[1]

    def take(self, target: Path) -> bool:
        """Move it to ``target`` on the same file system; return false if another file has replaced it meanwhile.

        Raises:
            OSError: it cannot be moved.
        """
        try:
            os.rename(self.name, target, src_dir_fd=self.directory)
        except FileNotFoundError:
            return False
        status = target.stat(follow_symlinks=False)
        if digest.stamp(status) == self.stamp and _is_final(status):
            return True
        # What the command is about to use: give it back, unless it has written the next one.
        try:
            os.stat(self.name, dir_fd=self.directory, follow_symlinks=False)
        except FileNotFoundError:
            os.rename(target, self.name, dst_dir_fd=self.directory)
        else:
            target.unlink()
        return False

    @contextlib.contextmanager
    def _opened(self) -> Iterator[int]:
        file = os.open(self.name, _FILE, dir_fd=self.directory)
        try:
            if digest.stamp(os.fstat(file)) != self.stamp:
                raise FileNotFoundError(errno.ENOENT, "another file has replaced it")
            yield file
        finally:
            os.close(file)


def find(folder: Path, ended: Callable[[], bool] = lambda: False) -> Iterator[ReadOnlyFile]:
    """Yield the read-only files in a directory, those of each directory by name.

    Directories that cannot be read or are too deep are left out. A file can be used until the next one is asked for.

    Args:
        folder: the directory.
        ended: asked for each directory whether to look no further.
    """
    yield from _find(str(folder), None, "", _DEEPEST, ended)


def _find(name: str, above: int | None, prefix: str, room: int, ended: Callable[[], bool]) -> Iterator[ReadOnlyFile]:
    if ended():
        return
    try:
        directory = os.open(name, _DIRECTORY, dir_fd=above)
    except OSError:
        return
    try:
        for status, entry in _entries(directory):
            if _is_final(status):
                yield ReadOnlyFile(prefix + entry, entry, directory, status)
            elif stat.S_ISDIR(status.st_mode) and room:
                yield from _find(entry, directory, f"{prefix}{entry}/", room - 1, ended)
    finally:
        os.close(directory)


def _entries(directory: int) -> list[tuple[os.stat_result, str]]:
    """Return what is in a directory now, by name; what disappears meanwhile is left out."""
    found = []
    with contextlib.suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                found.append((entry.stat(follow_symlinks=False), entry.name))
    return sorted(found, key=lambda pair: pair[1])


def _is_final(status: os.stat_result) -> bool:
    """Return whether this is a regular file that nobody may write to, and that has no other name.

    The other link may be a file of the user, or an input.
    """
    return stat.S_ISREG(status.st_mode) and not status.st_mode & _WRITABLE and status.st_nlink == 1


def is_written(file: int) -> bool | None:
    """Return whether a process has an open file open for writing, too; None if the system cannot tell.

    The kernel grants a lease on a file only if nobody has it open for writing (fcntl(2), F_SETLEASE).
    """
    try:
        import fcntl

        # If a process opens the file at this moment, a signal tells us, which by default would end this process.
        fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return True if error.errno == errno.EAGAIN else None
    except (ImportError, AttributeError):  # not Linux
        return None
    fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False
