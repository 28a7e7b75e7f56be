"""Ask Linux for what Python has no functions for: mounts, namespaces of threads, capabilities."""

from __future__ import annotations

import ctypes
import os
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

READ_ONLY, NO_SUID, NO_DEVICES, NO_PROGRAMS = 1, 2, 4, 8
"""Attributes of a mount."""

_CLONE_FS, _CLONE_NEWNS, _CLONE_NEWPID = 0x200, 0x20000, 0x20000000
_BIND, _RECURSIVE, _SLAVE, _DETACH = 0x1000, 0x4000, 0x80000, 2
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_CAPABILITIES_VERSION = 0x20080522
_CAPBSET_READ, _CAPBSET_DROP, _NO_NEW_PRIVILEGES, _AMBIENT, _AMBIENT_CLEAR_ALL = 23, 24, 38, 47, 4
# These system calls have the same numbers on all architectures.
_MOVE_MOUNT, _FSOPEN, _FSCONFIG, _FSMOUNT, _MOUNT_SETATTR = 429, 430, 431, 432, 442
_SET_FD, _CREATE, _FROM_DESCRIPTOR = 5, 6, 4


def leave() -> None:
    """Give this thread mounts of its own, and its next child a namespace of processes of which it is the first.

    What is mounted elsewhere later still appears here.

    Raises:
        OSError: it may not.
    """
    _called(_libc().unshare(_CLONE_FS | _CLONE_NEWNS | _CLONE_NEWPID), "a namespace")
    _mount("none", "/", _RECURSIVE | _SLAVE)


def mount(kind: str, target: str, data: str) -> None:
    """Mount a file system.

    Raises:
        OSError: it cannot be mounted.
    """
    _mount(kind, target, 0, kind, data)


def bind(path: str, target: str, attributes: int = 0) -> None:
    """Show a directory or a file at a path as well; ``attributes`` apply to the mounts below it, too.

    Raises:
        OSError: it cannot be mounted.
    """
    _mount(path, target, _BIND | _RECURSIVE)
    if attributes:
        restrict_mounts(target, attributes)


def restrict_mounts(path: str, attributes: int) -> None:
    """Set attributes of a mount, and of the mounts below it.

    Raises:
        OSError: it is not a mount, or Linux is older than 5.12.
    """
    values = (ctypes.c_uint64 * 4)(attributes, 0, 0, 0)
    size = ctypes.c_size_t(ctypes.sizeof(values))
    _called(_libc().syscall(_MOUNT_SETATTR, _AT_FDCWD, os.fsencode(path), _AT_RECURSIVE, values, size), path)


def become_root(path: str) -> None:
    """Make a mount the root directory, and forget the old one.

    Raises:
        OSError: it is not a mount.
    """
    os.chdir(path)
    _called(_libc().pivot_root(b".", b"."), "/")
    _called(_libc().umount2(b".", _DETACH), "/")
    os.chdir("/")


@cache
def chooses_processes() -> bool:
    """Return whether a process can mount the ``/proc`` of another namespace (Linux 6.18)."""
    try:
        os.close(_configured(os.getpid()))
    except OSError:
        return False
    return True


def processes_of(pid: int) -> int:
    """Return a descriptor of a ``/proc`` that shows the namespace of a process; it is not mounted yet.

    Raises:
        OSError: there cannot be one.
    """
    system = _configured(pid)
    try:
        _new(_FSCONFIG, system, _CREATE, None, None, 0)
        return _new(_FSMOUNT, system, 1, NO_SUID | NO_DEVICES | NO_PROGRAMS)
    finally:
        os.close(system)


def attach(descriptor: int, target: str) -> None:
    """Mount what ``processes_of`` returned, and close it.

    Raises:
        OSError: it cannot be mounted.
    """
    try:
        _new(_MOVE_MOUNT, descriptor, b"", _AT_FDCWD, os.fsencode(target), _FROM_DESCRIPTOR)
    finally:
        os.close(descriptor)


def restrict(capabilities: frozenset[int]) -> None:
    """Take all other capabilities from this thread, and from every program that it starts.

    Raises:
        OSError: it may not.
    """
    libc = _libc()
    for number in range(64):
        if libc.prctl(_CAPBSET_READ, *_longs(number, 0, 0, 0)) < 0:
            break
        if number not in capabilities:
            _called(libc.prctl(_CAPBSET_DROP, *_longs(number, 0, 0, 0)), "capabilities")
    _called(libc.prctl(_AMBIENT, *_longs(_AMBIENT_CLEAR_ALL, 0, 0, 0)), "capabilities")
    mask = sum(1 << number for number in capabilities)
    low, high = mask & 0xFFFFFFFF, mask >> 32
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES_VERSION, 0)
    # Effective, permitted, inheritable, each in two halves.
    values = (ctypes.c_uint32 * 6)(low, low, 0, high, high, 0)
    _called(libc.capset(header, values), "capabilities")
    _called(libc.prctl(_NO_NEW_PRIVILEGES, *_longs(1, 0, 0, 0)), "capabilities")


def _configured(pid: int) -> int:
    system = _new(_FSOPEN, b"proc", 1)
    try:
        namespace = os.open(f"/proc/{pid}/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _new(_FSCONFIG, system, _SET_FD, b"pidns", None, namespace)
        finally:
            os.close(namespace)
    except OSError:
        os.close(system)
        raise
    return system


def _mount(source: str, target: str, flags: int, kind: str | None = None, data: str | None = None) -> None:
    texts = [os.fsencode(text) if text is not None else None for text in (source, target, kind, data)]
    _called(_libc().mount(*texts[:3], ctypes.c_ulong(flags), texts[3]), target)


def _new(number: int, *arguments: int | bytes | None) -> int:
    """Make a system call of the newer interface for mounts."""
    result: int = _libc().syscall(number, *arguments)
    if result < 0:
        _called(result, "/proc")
    return result


def _longs(*values: int) -> Iterable[ctypes.c_ulong]:
    return map(ctypes.c_ulong, values)


def _called(result: int, call: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), call)


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
