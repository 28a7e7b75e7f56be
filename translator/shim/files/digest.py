"""Compute SHA-256 of files in constant memory, and decide when to trust an earlier digest.

An artifact of many gigabytes is read once, when it is published. Its manifest keeps, beside the digest, the *stamp* of
the file at that moment: inode number, size and modification time in nanoseconds. A file in a file store is read-only
and is brought by a hard link, which shares the inode, so a file whose stamp is unchanged was not written since. Where
anything differs (the store was copied elsewhere, somebody wrote into it as root, bytes went over a network) the whole
digest is computed again and compared. The change time (ctime) cannot be part of the stamp: each hard link changes it.
"""

from __future__ import annotations

import errno
import hashlib
import stat
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from pathlib import Path

BLOCK = 1 << 20
READ_ONLY = 0o444
"""The mode of shared files."""
# Linux's ioctl that makes two files share their blocks until one is written to (Btrfs, XFS, bcachefs).
FICLONE = 0x40049409


def no_pulse() -> None:
    """Do nothing between two blocks."""


def stamp(status: os.stat_result) -> str:
    """Return a stamp that identifies the state of a file without reading it."""
    return f"{status.st_ino}:{status.st_size}:{status.st_mtime_ns}"


class NotAFileError(OSError):
    """A pipe, a device, a directory or a link instead of a file; the message says which."""


def kind(mode: int) -> str:
    """Return the name of this kind of file."""
    names = {
        stat.S_IFIFO: "a named pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFDIR: "a directory",
        stat.S_IFREG: "a file",
    }
    return names.get(stat.S_IFMT(mode), "a symbolic link" if stat.S_ISLNK(mode) else "a device")


def regular(path: Path, *, follow: bool = True) -> os.stat_result:
    """Return the status of the file at ``path``.

    Args:
        path: of the file.
        follow: whether a link to a file is one.

    Raises:
        NotAFileError: it is not a regular file, so reading it could block forever.
    """
    status = path.stat(follow_symlinks=follow)
    if not stat.S_ISREG(status.st_mode):
        raise NotAFileError(errno.EINVAL, f"it is {kind(status.st_mode)}, not a file")
    return status


def of_file(path: Path, pulse: Callable[[], None] = no_pulse) -> str:
    """Return the SHA-256 of the file at ``path``, in hexadecimal.

    Args:
        path: a regular file.
        pulse: called between blocks; an exception ends the work.
    """
    digest = hashlib.sha256()
    view = memoryview(bytearray(BLOCK))
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(view):
            digest.update(view[:count])
            pulse()
    return digest.hexdigest()


def copy(source: BinaryIO, target: Path, pulse: Callable[[], None] = no_pulse) -> tuple[int, str]:
    """Write ``source`` into the new file ``target``; return its size and its SHA-256."""
    with target.open("xb", buffering=BLOCK) as file:
        return pump(source, file.write, pulse)


def pump(source: BinaryIO, write: Callable[[bytes], object], pulse: Callable[[], None]) -> tuple[int, str]:
    """Pass ``source`` to ``write`` block by block; return its size and its SHA-256."""
    digest = hashlib.sha256()
    size = 0
    while block := source.read(BLOCK):
        digest.update(block)
        size += len(block)
        write(block)
        pulse()
    return size, digest.hexdigest()


def copy_file(source: Path, target: Path, pulse: Callable[[], None] = no_pulse) -> tuple[int, str]:
    """Copy ``source`` to the new file ``target`` like ``copy``, but share its blocks if the file system can."""
    regular(source)
    if _reflink(source, target):
        return target.stat().st_size, of_file(target, pulse)
    with source.open("rb", buffering=0) as file:
        return copy(file, target, pulse)


def _reflink(source: Path, target: Path) -> bool:
    try:
        import fcntl
    except ImportError:
        return False
    try:
        with source.open("rb") as read, target.open("xb") as written:
            fcntl.ioctl(written.fileno(), FICLONE, read.fileno())
    except OSError as error:
        if error.errno != errno.EEXIST:
            target.unlink(missing_ok=True)
        return False
    return True
