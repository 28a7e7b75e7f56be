"""Keep what is deployed on this machine in files that a reader always finds whole.

The directory, which only its user can look into (0700), has for each deployment::

    deployments/NAME/aliases.json       which version each alias points to, replaced as a whole: the atomic step
    deployments/NAME/NUMBER/            a version: version.json, `healthy` once it was, and its Python environment
    deployments/NAME/NUMBER/endpoints/  a directory per endpoint, with its code and its log
    deployments/NAME/counter            the number of the newest version, so that no number is used twice

The process that makes a version holds a lock on its directory, which the system gives back even if it is killed. A
version without `healthy` that nobody holds is the rest of such a deployment.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import stat
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from translator.shim.deployers import DeployError
from translator.shim.deployers.local.ports import HOST, free_port
from translator.shim.files import locks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

HEALTHY = "healthy"
VERSION = "version.json"
ENDPOINTS = "endpoints"
_ALIASES = "aliases.json"
_COUNTER = "counter"
_LOCK = "lock"
_NUMBER = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server as its program reads it: the port that it listens on, and a WSGI application or a command."""

    port: int
    declared_port: int
    wsgi: str | None = None
    server_command: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Version:
    """A version: its name, when and by which run it was made, its servers, and their environment."""

    deployment: str
    number: int
    created: str
    run: str
    endpoints: Mapping[str, Endpoint]
    environment: Mapping[str, str] = field(default_factory=dict)
    python: str = ""
    """The directory of its own Python environment, if it has one."""
    health: str | None = None
    inherited: Mapping[str, str] = field(default_factory=dict)
    """What its servers inherit from the process that deployed it."""
    host: str = HOST
    """The address at which the front reaches its servers."""
    engine: str = ""
    """The address of the container engine that runs its servers, if one does."""
    certificates: str = ""
    """The directory of the TLS files for the engine, if it needs them."""

    def prefix(self, endpoint: str) -> str:
        """Return the path of an endpoint's URL."""
        return f"/{self.deployment}/{self.number}/{endpoint}"


def number_of(name: str) -> int | None:
    """Return the number of a version; None if a name is not one."""
    return int(name) if _NUMBER.fullmatch(name) else None


def private(directory: Path) -> None:
    """Create a directory that only its user can look into.

    Raises:
        DeployError: it belongs to another user, or others can write to it.
        OSError: it cannot be created.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = directory.stat()
    if status.st_uid != os.geteuid():
        raise DeployError(f"the directory of deployments {directory} belongs to another user (uid {status.st_uid})")
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise DeployError(f"the directory of deployments {directory} is writable for other users; remove it")
    if stat.S_IMODE(status.st_mode) != stat.S_IRWXU:
        directory.chmod(stat.S_IRWXU)


def write(path: Path, text: str) -> None:
    """Write a file that readers find as it was or as it is, even after a crash of the machine."""
    beside = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    try:
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(handle, text.encode())
            os.fsync(handle)
        finally:
            os.close(handle)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextlib.contextmanager
def locked(folder: Path, pulse: Callable[[], None]) -> Iterator[None]:
    """Hold the lock of a directory once no other process does."""
    handle = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        locks.hold(handle, pulse)
        yield
    finally:
        os.close(handle)


class State:
    """The files of all deployments in a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.deployments = directory / "deployments"

    def names(self) -> list[str]:
        """Return the names of the deployments."""
        try:
            return sorted(entry.name for entry in os.scandir(self.deployments) if entry.is_dir())
        except FileNotFoundError:
            return []

    def folder(self, deployment: str, number: int | None = None) -> Path:
        """Return the directory of a deployment, or of one of its versions."""
        folder = self.deployments / deployment
        return folder if number is None else folder / str(number)

    def endpoint(self, deployment: str, number: int, endpoint: str) -> Path:
        """Return the directory of an endpoint."""
        return self.folder(deployment, number) / ENDPOINTS / endpoint

    def numbers(self, deployment: str) -> list[int]:
        """Return the numbers of the versions that are there, even of those that are being made."""
        try:
            found = [entry.name for entry in os.scandir(self.folder(deployment))]
        except FileNotFoundError:
            return []
        return sorted(int(name) for name in found if name.isdecimal())

    def healthy(self, deployment: str) -> list[int]:
        """Return the numbers of the versions that have been healthy."""
        return [number for number in self.numbers(deployment) if (self.folder(deployment, number) / HEALTHY).is_file()]

    def version(self, deployment: str, number: int) -> Version | None:
        """Return a version as its file has it; None if it does not exist, or not yet."""
        try:
            content = json.loads((self.folder(deployment, number) / VERSION).read_text(encoding="utf-8"))
            endpoints = {name: Endpoint(**one) for name, one in content.pop("endpoints").items()}
            return Version(endpoints=endpoints, **content)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None

    def record(self, version: Version) -> None:
        """Write the file of a version."""
        folder = self.folder(version.deployment, version.number)
        write(folder / VERSION, f"{json.dumps(asdict(version), indent=2)}\n")

    def aliases(self, deployment: str) -> dict[str, int]:
        """Return the number of the version that each alias points to."""
        try:
            content: dict[str, Any] = json.loads((self.folder(deployment) / _ALIASES).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise DeployError(f"the aliases of {deployment} cannot be read: {error}") from error
        return {str(alias): int(number) for alias, number in content.items()}

    def set_aliases(self, deployment: str, aliases: Mapping[str, int]) -> None:
        """Replace all aliases of a deployment in one step."""
        write(self.folder(deployment) / _ALIASES, f"{json.dumps(dict(sorted(aliases.items())))}\n")

    def next_number(self, deployment: str) -> int:
        """Create the directory of a new version and return its number; the deployment must be held."""
        counter = self.folder(deployment) / _COUNTER
        try:
            newest = int(counter.read_text(encoding="ascii"))
        except (FileNotFoundError, ValueError):
            newest = 0
        number = max([newest, *self.numbers(deployment)]) + 1
        write(counter, f"{number}\n")
        self.folder(deployment, number).mkdir(mode=0o700)
        return number

    def remove(self, deployment: str, number: int) -> None:
        """Remove the files of a version; nobody finds a part of it."""
        folder = self.folder(deployment, number)
        (folder / HEALTHY).unlink(missing_ok=True)
        (folder / VERSION).unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)

    def ports(self) -> set[int]:
        """Return the ports of all servers."""
        taken: set[int] = set()
        for name in self.names():
            for number in self.numbers(name):
                version = self.version(name, number)
                taken.update(one.port for one in version.endpoints.values()) if version is not None else None
        return taken

    def move_port(self, version: Version, endpoint: str, pulse: Callable[[], None]) -> Version | None:
        """Give a server another port, because another program has its own; None if its version was removed."""
        with locked(self.directory, pulse):
            current = self.version(version.deployment, version.number)
            if current is None:
                return None
            moved = replace(current.endpoints[endpoint], port=free_port(self.ports()))
            current = replace(current, endpoints={**current.endpoints, endpoint: moved})
            self.record(current)
            return current

    def abandoned(self, deployment: str) -> list[int]:
        """Return the versions whose deployment was killed before they were healthy."""
        return [number for number in self.numbers(deployment) if self._is_abandoned(deployment, number)]

    def _is_abandoned(self, deployment: str, number: int) -> bool:
        folder = self.folder(deployment, number)
        if (folder / HEALTHY).is_file():
            return False
        try:
            handle = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            return False
        try:
            # A version becomes healthy while its lock is locked, so look again.
            return locks.hold(handle, _impatient, patience=0) and not (folder / HEALTHY).is_file()
        except _HeldError:
            return False
        finally:
            os.close(handle)


class _HeldError(Exception):
    """Another process holds a version."""


def _impatient() -> None:
    raise _HeldError
