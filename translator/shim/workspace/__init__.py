"""Create the directories of one execution, and remove them reliably.

A workspace is created where its outputs can be moved into the store without copying: in ``.work`` of a store that is a
directory, else in the system's directory for temporary files; TRANSLATOR_WORK names another place. Only the worker's
user can look into one (0700), or into the directory of workspaces among the temporary files. Others must not own that
directory: they could replace a workspace, and with it the outputs of a run. What the command sees is a level down, so
that a command that writes to ``../../evil`` hits a directory that goes away with the workspace. Paths of a workspace
need no quoting in a shell: where its place has spaces or worse in its name, a link stands in for it.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from translator.shim.errors import TranslatorError
from translator.shim.store import segment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from translator.shim.contract import ExecutionId
    from translator.shim.store import Store

VARIABLE = "TRANSLATOR_WORK"
# Unix sockets have paths of at most 108 bytes, and Python's multiprocessing puts them into TMPDIR.
_TEMPORARY_LENGTH = 60
_ABANDONED = 3600.0
_NOTED = ".elsewhere-"
_ELSEWHERE = re.compile(r"translator-[0-9a-f]{12}")
_PLAIN = re.compile(r"[A-Za-z0-9_./@%+=:,-]+")


class WorkspaceError(TranslatorError):
    """A directory that cannot hold a workspace; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """The directories of an execution: its root, what the command sees below it, the project, and one for TMPDIR."""

    root: Path
    inputs: Path
    outputs: Path
    config: Path
    repository: Path
    temporary: Path


@contextlib.contextmanager
def workspace(store: Store, identity: ExecutionId, project: Path, name: str) -> Iterator[Workspace]:
    """Create the directories of an execution, and remove them at its end.

    Args:
        store: the store for the outputs.
        identity: the execution.
        project: the directory of the source file; it is linked to, not copied.
        name: of the directory that the command sees, as in the source system.

    Raises:
        OSError: they cannot be created.
        WorkspaceError: other users could change them.
    """
    here = base(store)
    if here == _shared():
        private(here)
    else:
        here.mkdir(parents=True, exist_ok=True)
    _sweep(here)
    place = here / f"{segment(identity.node)[:40]}-{identity.index}-{os.urandom(6).hex()}"
    place.mkdir(mode=stat.S_IRWXU)
    created = [place]
    lock = hold(place)
    try:
        seen = place
        if not _PLAIN.fullmatch(str(place)):
            seen = _elsewhere(place, created)
            seen.symlink_to(place)
        root = seen / name
        temporary = seen
        if len(str(seen)) > _TEMPORARY_LENGTH:
            temporary = _elsewhere(place, created)
            temporary.mkdir(mode=stat.S_IRWXU)
        space = laid_out(root, temporary)
        for folder in (root, space.inputs, space.outputs, space.config):
            folder.mkdir()
        space.repository.symlink_to(project)
        yield space
    finally:
        for path in created:
            remove(path)
        if lock is not None:
            os.close(lock)


def laid_out(root: Path, temporary: Path) -> Workspace:
    """Return the directories of a workspace whose root is at a path."""
    return Workspace(root, root / "inputs", root / "outputs", root / "config", root / "repository", temporary)


def moved(home: Path, root: Path) -> Callable[[str], Path | None]:
    """Return the function that says where in ``root`` a path is that the command saw below ``home``, else None."""

    def where(path: str) -> Path | None:
        seen = Path(path)
        return root / seen.relative_to(home) if seen.is_relative_to(home) else None

    return where


def remove(path: Path) -> None:
    """Remove a directory or a link, even if the command removed its own permissions."""
    if path.is_symlink() or not path.exists():
        path.unlink(missing_ok=True)
        return

    def allow(operation: Callable[[str], object], name: str, _: object) -> None:
        with contextlib.suppress(OSError):
            Path(name).parent.chmod(stat.S_IRWXU)
            if not Path(name).is_symlink():
                Path(name).chmod(stat.S_IRWXU)
            if operation in {os.open, os.scandir, os.lstat}:
                shutil.rmtree(name, ignore_errors=True)
            else:
                operation(name)

    try:
        try:
            _remove_folder(path)
        except OSError:
            _unlock(path)
            shutil.rmtree(path, onerror=allow)
    except (RecursionError, OSError):
        # A command may nest directories deeper than Python can follow, or a path can name.
        with contextlib.suppress(OSError):
            subprocess.run(["rm", "-rf", "--", str(path)], check=False, stderr=subprocess.DEVNULL)


def _remove_folder(path: str | Path) -> None:
    """Remove a directory like ``rmtree``, without its guard against swapped links, because all processes have ended."""
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                _remove_folder(entry.path)
            else:
                os.unlink(entry.path)  # noqa: PTH108 - on every execution's path
    os.rmdir(path)  # noqa: PTH106 - as above


def _unlock(folder: str | Path) -> None:
    """Let this user list and change all directories; the kernel's own of an overlay are closed, several levels deep."""
    with contextlib.suppress(OSError):
        os.chmod(folder, stat.S_IRWXU)  # noqa: PTH101 - as above
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    _unlock(entry.path)


def base(store: Store) -> Path:
    """Return the directory for workspaces of a store's executions."""
    chosen = os.environ.get(VARIABLE)
    if chosen:
        return Path(chosen).expanduser().absolute()
    return store.scratch() or _shared()


def private(folder: Path) -> None:
    """Create a directory where all users may write, or check that this user created it earlier.

    Raises:
        WorkspaceError: it is a link, is not a directory, belongs to another user, or was writable by others.
    """
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=stat.S_IRWXU)
    status = folder.stat(follow_symlinks=False)
    flaw = None
    if not stat.S_ISDIR(status.st_mode):
        flaw = "is a link" if stat.S_ISLNK(status.st_mode) else "is not a directory"
    elif status.st_uid != os.getuid():
        flaw = f"belongs to another user (uid {status.st_uid})"
    elif status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        flaw = f"is writable for other users (mode {stat.S_IMODE(status.st_mode):04o})"
    if flaw is not None:
        raise WorkspaceError(
            f"{folder} {flaw}, so other users could change what runs; "
            f"remove it, or set {VARIABLE} to a directory of your own"
        )
    if stat.S_IMODE(status.st_mode) != stat.S_IRWXU:
        folder.chmod(stat.S_IRWXU)


def _shared() -> Path:
    """Return the directory of this user's workspaces among the temporary files, where other users may write, too."""
    return _temporary_base() / f"translator-work-{os.getuid()}"


def _elsewhere(place: Path, created: list[Path]) -> Path:
    """Return a new temporary path, noted in ``place`` to clean up after a killed worker."""
    path = _temporary_base() / f"translator-{os.urandom(6).hex()}"
    (place / f"{_NOTED}{len(created)}").symlink_to(path)
    created.insert(0, path)
    return path


def _temporary_base() -> Path:
    import tempfile

    return Path(tempfile.gettempdir())


def hold(place: Path) -> int | None:
    """Hold a lock on a directory while this process lives; None if the file system has no locks."""
    try:
        import fcntl

        handle = os.open(place, os.O_RDONLY)
    except (ImportError, OSError):
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


def abandoned(base: str | Path, name: re.Pattern[str] | None = None) -> Iterator[Path]:
    """Yield the old directories of this user that no process holds; each is held until the next.

    Args:
        base: where to look.
        name: of the directories (default: all).

    Raises:
        OSError: ``base`` cannot be read.
    """
    for entry in os.scandir(base):
        if name is not None and not name.fullmatch(entry.name):
            continue
        if not entry.is_dir(follow_symlinks=False):
            continue
        status = entry.stat(follow_symlinks=False)
        if status.st_uid != os.getuid() or time.time() - status.st_mtime < _ABANDONED:
            continue
        lock = hold(Path(entry.path))
        if lock is not None:
            try:
                yield Path(entry.path)
            finally:
                os.close(lock)


def _sweep(base: Path) -> None:
    """Remove the directories of killed workers."""
    with contextlib.suppress(OSError):
        for leftover in abandoned(base):
            for noted in leftover.glob(f"{_NOTED}*"):
                target = noted.readlink()
                if target.parent == _temporary_base() and _ELSEWHERE.fullmatch(target.name):
                    remove(target)
            remove(leftover)
