"""Read the settings of the deployer ``docker``."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from translator.shim.deployers import DeployError, without_image
from translator.shim.deployers.local import settings as local
from translator.shim.deployers.local.ports import HOST
from translator.shim.runners.docker import settings as runner

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from translator.shim.contract import Deployment, Json

PORT = 8701
"""The port of the front, unless the settings name one; the deployer ``local`` has the one before."""
HOST_NETWORK = "host"
_OF_LOCAL = ("directory", "host", "port", "keep", "timeout", "health")
_OF_RUNNER = (
    *("connection", "registries", "pull", "user", "network", "volumes", "shm_size", "runtime"),
    "security_options",
)
_ENGINE, _PUBLISH = "engine", "publish"


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of the deployer.

    ``front`` are those that the deployer ``local`` has, too: its directory, the address of the front, how versions are
    kept and watched. ``containers`` are those of the docker runner; its ``host`` is called ``engine`` here. ``publish``
    is the address of the Docker host at which servers listen, and the front connects to them.
    """

    front: local.Settings
    containers: runner.Settings
    publish: str = HOST


def check(settings: Mapping[str, Json]) -> Sequence[str]:
    """Return what is wrong with settings; none of them is required."""
    return [problem for key, value in settings.items() for problem in _problems(key, value)]


def _problems(key: str, value: Json) -> Sequence[str]:
    if key in _OF_LOCAL:
        return local.check({key: value})
    if key in _OF_RUNNER:
        return runner.check({key: value}) or _network_problems(key, value)
    if key == _ENGINE:
        return [f"{key}: {one.removeprefix('host: ')}" for one in runner.check({"host": value})]
    if key == _PUBLISH:
        return _publish_problems(value)
    known = ", ".join(sorted((*_OF_LOCAL, *_OF_RUNNER, _ENGINE, _PUBLISH)))
    return [f"the deployer 'docker' has no setting {key!r}; it has {known}"]


def _network_problems(key: str, value: Json) -> Sequence[str]:
    closed = key == "network" and isinstance(value, str) and (value == "none" or value.startswith("container:"))
    return [f"network: servers in the network {value!r} have no port that the front reaches"] if closed else ()


def _publish_problems(value: Json) -> Sequence[str]:
    try:
        fine = isinstance(value, str) and not ipaddress.ip_address(value).is_unspecified
    except ValueError:
        fine = False
    return () if fine else ["'publish' must be an address of the Docker host, such as 127.0.0.1 or 10.0.0.7"]


def read(settings: Mapping[str, Json]) -> Settings:
    """Return the settings.

    Raises:
        DeployError: one is wrong, or the directory cannot be the place of the state.
    """
    if problems := check(settings):
        raise DeployError("; ".join(problems))
    own: dict[str, Any] = {"port": PORT, "directory": str(_default_directory())}
    own |= {key: settings[key] for key in _OF_LOCAL if key in settings}
    of_runner = {key: settings[key] for key in _OF_RUNNER if key in settings}
    if _ENGINE in settings:
        of_runner["host"] = settings[_ENGINE]
    own["directory"] = local.plain(Path(own["directory"]))
    front = local.Settings(**own, requirements=False, deployer="docker")
    return Settings(front, runner.read(of_runner), str(settings.get(_PUBLISH, HOST)))


def _default_directory() -> Path:
    directory = local.default_directory()
    return directory.with_name(f"{directory.name}-docker")


def lacks(settings: Mapping[str, Json], deployment: Deployment) -> Sequence[str]:
    """Return why a deployment cannot have its endpoints in containers with all its settings."""
    problems = list(without_image(deployment, "docker"))
    engine = settings.get(_ENGINE)
    if isinstance(engine, str) and (problem := unreachable(engine, str(settings.get(_PUBLISH, HOST)))) is not None:
        problems.append(problem)
    return problems


def unreachable(engine: str, publish: str) -> str | None:
    """Return why a front cannot reach servers of an engine at an address; None if that can be.

    Args:
        engine: the address of the engine.
        publish: the address of the Docker host at which the servers listen.
    """
    if not is_elsewhere(engine) or not ipaddress.ip_address(publish).is_loopback:
        return None
    return (
        f"the engine {engine} is on another machine, and the front on this one cannot reach servers that listen at "
        f"{publish} there: set 'publish' of the deployer 'docker' to an address of that machine"
    )


def is_elsewhere(engine: str) -> bool:
    """Return whether the address of an engine leads to another machine."""
    parts = urlsplit(engine)
    if parts.scheme in ("unix", "npipe"):
        return False
    host = parts.hostname or ""
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"
