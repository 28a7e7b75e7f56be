"""Run the servers of versions in containers."""

from __future__ import annotations

import contextlib
import os
import tempfile
from dataclasses import dataclass, field, replace
from typing import IO, TYPE_CHECKING, Any, Self

from translator.shim.deployers import DeployError, archive, without_image
from translator.shim.deployers.docker import container
from translator.shim.deployers.docker.settings import HOST_NETWORK, is_elsewhere, unreachable
from translator.shim.deployers.local import ports
from translator.shim.deployers.local.serving import LINES, last_lines
from translator.shim.deployers.local.state import HEALTHY, locked, write
from translator.shim.files.digest import no_pulse
from translator.shim.process import group
from translator.shim.runners import RunnerError
from translator.shim.runners.docker import connections, images, owners
from translator.shim.runners.docker.engine import Address, Engine, address, connect, error_text, is_gone, speaking
from translator.shim.workspace import working_copy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from translator.shim import contract
    from translator.shim.contract import Connection
    from translator.shim.deployers import Request
    from translator.shim.deployers.docker.settings import Settings
    from translator.shim.deployers.local.state import State, Version

_IDENTITY = "identity.txt"
_ENDING = 30
"""The seconds that a server may take to end."""
_STATES = {"restarting": "backoff", "exited": "exited", "stopped": "exited", "dead": "exited", "running": "running"}
_TRIES = 5
_IN_USE = ("already allocated", "already in use", "port is in use")


@dataclass(slots=True)
class Containers:
    """The servers of a directory of deployments in containers; see ``translator.shim.deployers.local.servers``.

    Args:
        settings: those of the deployer.
        files: the state of the directory.
        connection: asks the engine of the run for a connection by its name.
    """

    settings: Settings
    files: State
    connection: Callable[[str], Connection | None]
    _engines: dict[Address, Engine] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for engine in self._engines.values():
            engine.client.close()
        self._engines.clear()

    def prepare(self, request: Request, version: Version) -> Version:
        """Provide the images, and return the version with the address of the engine."""
        where = self._address()
        if (problem := unreachable(where.url, self.settings.publish)) is not None:
            raise DeployError(problem)
        engine = self._engine(where)
        if problems := without_image(request.deployment, "docker"):
            raise DeployError("; ".join(problems))
        for image in dict.fromkeys(endpoint.image for endpoint in request.deployment.endpoints if endpoint.image):
            images.ready(engine, image, self.settings.containers, request.connection, request.note, request.pulse)
        self._remove_strays(engine)
        return replace(version, host=self.settings.publish, engine=where.url, certificates=where.certificates or "")

    def start(self, request: Request, version: Version) -> None:
        """Create the containers of a version with its code and files, and start them."""
        engine = self._engine_of(version)
        listed = working_copy.listing(request.project, request.without, request.pulse)
        for endpoint in request.deployment.endpoints:
            with tempfile.TemporaryFile(prefix="translator-deploy-") as packed:
                root = container.HOME.lstrip("/")
                archive.pack(
                    request, endpoint.name, listed, packed, root=root, packed=False, change=container.for_anybody
                )
                request.pulse()
                self._start(engine, version, endpoint, packed)
            request.pulse()

    def _start(self, engine: Engine, version: Version, endpoint: contract.Endpoint, packed: IO[bytes]) -> None:
        """Start the server of an endpoint, at another port if the engine says that its own is in use."""
        from docker.errors import APIError

        for last in (False,) * (_TRIES - 1) + (True,):
            created = self._created(engine, version, endpoint)
            with speaking(engine.address, "start a server on"):
                packed.seek(0)
                engine.client.put_archive(created, "/", packed)
                try:
                    engine.client.start(created)
                except APIError as error:
                    if last or not any(words in error_text(error) for words in _IN_USE):
                        raise
                else:
                    return
                engine.client.remove_container(created, force=True, v=True)
            moved = self.files.move_port(version, endpoint.name, no_pulse)
            if moved is None:
                raise DeployError(f"version {version.number} of {version.deployment} was stopped")
            version = moved

    def _created(self, engine: Engine, version: Version, endpoint: contract.Endpoint) -> str:
        """Create the container of an endpoint; again if only the engine knows that it has the network of the host."""
        image = images.ready(engine, endpoint.image or "", self._as_pulled(), self.connection, _silent, no_pulse)
        user = owners.user_of(engine, self.settings.containers, image).name
        on_host = self.settings.containers.network == HOST_NETWORK
        with speaking(engine.address, "create a container on"):
            while True:
                created = container.create(
                    engine, self.settings, self._identity(), version, endpoint, user=user, on_host=on_host
                )
                if on_host or not _has_network_of_host(engine.client.inspect_container(created)):
                    return created
                engine.client.remove_container(created, force=True, v=True)
                on_host = True

    def _as_pulled(self) -> Any:
        return replace(self.settings.containers, pull="never")

    def ensure(self, version: Version) -> None:
        """Start the containers of a version that do not run."""
        engine = self._engine_of(version)
        with speaking(engine.address, "start a server on"):
            for one in self._listed(engine, container.of_version(self._identity(), version)):
                if one.get("State") not in ("running", "restarting"):
                    engine.client.start(one["Id"])

    def state(self, version: Version, endpoint: str) -> tuple[str, str]:
        """Return the state of a container; ``unreachable`` if the engine does not answer."""
        try:
            about = self._inspected(version, endpoint)
        except RunnerError as error:
            return "unreachable", str(error)
        if about is None:
            return "down", ""
        status, restarts = str(about["State"]["Status"]), int(about.get("RestartCount") or 0)
        is_new = not (self.files.folder(version.deployment, version.number) / HEALTHY).is_file()
        if restarts and is_new:
            return "backoff", status
        details = f"container {about['Id'][:12]}" + (f", restarted {restarts} times" if restarts else "")
        return _STATES.get(status, "starting"), details

    def is_foreign(self, version: Version, endpoint: str) -> bool:
        """Return whether a program of this machine has the port of a server in the network of the host.

        A port that the engine publishes is its own. False also if this machine does not see the server's processes.
        """
        about = self._inspected(version, endpoint)
        if about is None:
            return True
        pid = int(about["State"].get("Pid") or 0)
        prefix = f"VH_DEFAULT_PREFIX={version.prefix(endpoint)}".encode()
        if is_elsewhere(version.engine) or not _has_network_of_host(about) or not os.access(f"/proc/{pid}/fd", os.R_OK):
            return False
        if prefix not in group.environment_of(str(pid)):
            return False
        return ports.is_foreign(version.endpoints[endpoint].port, pid, str(about["Id"]))

    def lines(self, version: Version, endpoint: str) -> Iterator[str]:
        """Yield the lines that the engine keeps."""
        engine, rest = self._engine_of(version), b""
        about = self._inspected(version, endpoint)
        if about is None:
            return
        with speaking(engine.address, "read logs of"):
            for chunk in engine.client.logs(about["Id"], stream=True, follow=False):
                *lines, rest = (rest + chunk).split(b"\n")
                yield from (line.decode(errors="replace").rstrip() for line in lines)
        if rest:
            yield rest.decode(errors="replace").rstrip()

    def tail(self, version: Version, endpoint: str) -> str:
        """Return the last lines that the engine keeps."""
        engine = self._engine_of(version)
        with contextlib.suppress(RunnerError), speaking(engine.address, "read logs of"):
            if (about := self._inspected(version, endpoint)) is not None:
                printed: bytes = engine.client.logs(about["Id"], tail=LINES)
                return last_lines(printed.decode(errors="replace").splitlines())
        return ""

    def remove(self, version: Version) -> None:
        """Remove the containers of a version; one that has served may finish its requests."""
        if not version.engine:
            return
        served = (self.files.folder(version.deployment, version.number) / HEALTHY).is_file()
        engine = self._engine_of(version)
        with speaking(engine.address, "remove a server of"):
            listed = self._listed(engine, container.of_version(self._identity(), version))
            for one in listed:
                _remove(engine, one["Id"], patience=_ENDING if served else None)

    def remove_all(self) -> None:
        """Remove all containers of the directory, on all engines that its versions have."""
        named = [self.files.version(name, number) for name in self.files.names() for number in self.files.numbers(name)]
        for where in dict.fromkeys(_address_of(one) for one in named if one is not None and one.engine):
            engine = self._engine(where)
            with speaking(engine.address, "remove a server of"):
                for one in self._listed(engine, {container.DEPLOYMENTS: self._identity()}):
                    _remove(engine, one["Id"], patience=None)

    def _remove_strays(self, engine: Engine) -> None:
        """Remove containers whose version is gone: their deployer was killed while the engine created them."""
        with speaking(engine.address, "list containers of"):
            for one in self._listed(engine, {container.DEPLOYMENTS: self._identity()}):
                labels = one["Labels"]
                number = int(labels[container.VERSION])
                if not self.files.folder(labels[container.DEPLOYMENT], number).is_dir():
                    _remove(engine, one["Id"], patience=None)

    def _listed(self, engine: Engine, labels: Mapping[str, str]) -> list[dict[str, Any]]:
        wanted = [f"{key}={value}" for key, value in labels.items()]
        return list(engine.client.containers(all=True, filters={"label": wanted}))

    def _inspected(self, version: Version, endpoint: str) -> Mapping[str, Any] | None:
        from docker.errors import NotFound

        engine = self._engine_of(version)
        with speaking(engine.address, "look after a server of"):
            try:
                about: Mapping[str, Any] = engine.client.inspect_container(
                    container.name(self._identity(), version, endpoint)
                )
            except NotFound:
                return None
        return about

    def _identity(self) -> str:
        """Return what tells the containers of this directory from those of others, also of other machines."""
        file = self.files.directory / _IDENTITY
        with contextlib.suppress(FileNotFoundError):
            return file.read_text(encoding="ascii").strip()
        with locked(self.files.directory, no_pulse):
            if not file.exists():
                write(file, f"{os.urandom(8).hex()}\n")
        return file.read_text(encoding="ascii").strip()

    def _address(self) -> Address:
        """Return the address of the engine for new versions."""
        of_runner = self.settings.containers
        named = of_runner.connection
        return address(of_runner, connections.find(named, self.connection) if named is not None else None)

    def _engine_of(self, version: Version) -> Engine:
        return self._engine(_address_of(version))

    def _engine(self, where: Address) -> Engine:
        if where not in self._engines:
            self._engines[where] = connect(where)
        return self._engines[where]


def _address_of(version: Version) -> Address:
    return Address(version.engine, version.certificates or None)


def _has_network_of_host(about: Mapping[str, Any]) -> bool:
    return bool(about["HostConfig"]["NetworkMode"] == HOST_NETWORK)


def _remove(engine: Engine, created: str, patience: int | None) -> None:
    """Remove a container; with patience, its server may finish its requests. One that is gone counts as removed."""
    from docker.errors import APIError

    try:
        if patience is not None:
            engine.client.stop(created, timeout=patience)
        engine.client.remove_container(created, force=True, v=True)
    except APIError as error:
        if not is_gone(error):
            raise


def _silent(_: str) -> None:
    """Say nothing."""
