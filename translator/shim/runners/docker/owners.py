"""Let a container's user into the workspace, and give the worker back what that user made there.

Images run as root or as another user, while a worker is often a plain user: without this it could neither
publish what root has written nor remove it.
"""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from translator.shim.runners import RunnerError
from translator.shim.runners.docker.container import on_host
from translator.shim.runners.docker.engine import error_text, speaking

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from docker.types import Mount

    from translator.shim.runners import Request
    from translator.shim.runners.docker.engine import Engine
    from translator.shim.runners.docker.settings import Settings

WORKER = "worker"
_ROOTS = frozenset({"", "0", "root"})
_TAKE = 'chown -R "$1" "$2" && chmod -R u+rwX "$2"'
# The programs of the Docker host, for images that have none.
_PROGRAMS = ("/usr", "/bin", "/lib", "/lib64")
_TARGET = "/workspace"
_SECONDS = 600


@dataclass(frozen=True, slots=True)
class User:
    """The user of a container: what the engine is told, and whether it can read and write whatever the worker can."""

    name: str | None
    mighty: bool


def user_of(engine: Engine, settings: Settings, image: Mapping[str, Any]) -> User:
    """Return the user that a command runs as."""
    if settings.user == WORKER:
        return User("0:0" if engine.rootless else f"{os.getuid()}:{os.getgid()}", mighty=True)
    name = settings.user or str((image.get("Config") or {}).get("User") or "")
    return User(settings.user, mighty=name.partition(":")[0] in _ROOTS)


def let_in(root: Path, user: User) -> None:
    """Let a container's user write to the workspace, whose parent only the worker can enter."""
    if user.mighty:
        return
    for path, status in _walk(root):
        mode = stat.S_IMODE(status.st_mode)
        if stat.S_ISDIR(status.st_mode):
            wanted = 0o777
        elif status.st_nlink > 1:
            continue  # an artifact of the store
        else:
            wanted = 0o444 | (0o222 if mode & stat.S_IWUSR else 0) | (0o111 if mode & stat.S_IXUSR else 0)
        if mode | wanted != mode:
            path.chmod(mode | wanted)


def take_over(engine: Engine, request: Request, settings: Settings, image: Mapping[str, Any]) -> None:
    """Make the worker the owner of all files of the workspace.

    Raises:
        RunnerError: it cannot be done.
    """
    root = request.space.root
    if os.getuid() == 0 or all(status.st_uid == os.getuid() for _, status in _walk(root)):
        return
    owner = "0:0" if engine.rootless else f"{os.getuid()}:{os.getgid()}"
    problem = ""
    for programs in ((), _PROGRAMS):
        problem = _run(engine, str(image["Id"]), owner, _mounts(on_host(root, settings), programs))
        if not problem:
            return
    raise RunnerError(
        f"files in {root} belong to another user, and chown in a container fails: {problem}; "
        f"set the docker runner's user to {WORKER!r}, or run a rootless engine"
    )


def _mounts(root: str, programs: Sequence[str]) -> list[Mount]:
    from docker.types import Mount

    return [
        Mount(_TARGET, root, type="bind"),
        *(Mount(path, path, type="bind", read_only=True) for path in programs if Path(path).exists()),
    ]


def _run(engine: Engine, image: str, owner: str, mounts: list[Mount]) -> str:
    """Change the owner in a container of the step's image; return what is wrong, if something is."""
    from docker.errors import APIError

    client = engine.client
    with speaking(engine.address, "change owners on"):
        try:
            created = client.create_container(
                image,
                entrypoint=["/bin/sh", "-c", _TAKE, "sh", owner, _TARGET],
                command=[],
                user="0:0",
                host_config=client.create_host_config(mounts=mounts, network_mode="none"),
            )["Id"]
            try:
                client.start(created)
                status = int(client.wait(created, timeout=_SECONDS)["StatusCode"])
                printed = client.logs(created).decode(errors="replace").strip()
                return "" if status == 0 else printed or f"exit status {status}"
            finally:
                client.remove_container(created, force=True, v=True)
        except APIError as error:
            return error_text(error)


def _walk(root: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield what is in a directory, itself included, with its status; what cannot be read is not looked into."""
    yield root, root.stat(follow_symlinks=False)
    folders = [root]
    while folders:
        with contextlib.suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                path = Path(entry.path)
                if not stat.S_ISLNK(status.st_mode):
                    yield path, status
                if stat.S_ISDIR(status.st_mode):
                    folders.append(path)
