"""Read the settings of the docker runner, and say what is wrong with them.

This is also asked while translating, so it loads nothing of Docker.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from translator.shim.runners.settings import PULL, Pull, megabytes, one_of, problems_of, read_values, string

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from translator.shim.contract import Json


@dataclass(frozen=True, slots=True)
class Volume:
    """A directory of the Docker host, or a named volume, that containers see at ``target``."""

    source: str
    target: str
    read_only: bool = False

    @property
    def is_volume(self) -> bool:
        """Return whether the source is the name of a volume."""
        return not self.source.startswith("/")


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of the docker runner.

    Args:
        host: address of the engine (``unix:///run/docker.sock``, ``tcp://HOST:2376``, ``ssh://USER@HOST``); without it
            that of the connection, then ``DOCKER_HOST`` of the worker, then the socket of Docker or Podman.
        connection: the engine's connection that holds the address, and in its extra the TLS files.
        registries: connections that hold credentials of registries, as the host, the login and the password.
        pull: when to pull the image: ``missing`` (if the host does not have it), ``always`` or ``never``.
        user: the user in the container, ``UID[:GID]`` or a name; ``worker`` is that of the worker. The default is the
            image's.
        network: the network of the container, by Docker's names; the default is the engine's.
        volumes: what else containers see, ``SOURCE:TARGET[:ro]``; SOURCE is a directory of the host, or the name of a
            volume, which is made if it does not exist and kept (a cache).
        shm_size: size of ``/dev/shm`` in MB; the default is the memory limit, else half of the worker's memory.
        runtime: the OCI runtime, if not the engine's default.
        security_options: as ``docker run --security-opt`` (``label=disable`` for SELinux, a seccomp profile).
        paths: by path on the worker, the path of the same directory on the Docker host, where these differ because
            the worker itself runs in a container.
    """

    host: str | None = None
    connection: str | None = None
    registries: Sequence[str] = ()
    pull: Pull = "missing"
    user: str | None = None
    network: str | None = None
    volumes: Sequence[Volume] = ()
    shm_size: int | None = None
    runtime: str | None = None
    security_options: Sequence[str] = ()
    paths: Mapping[str, str] = field(default_factory=dict)


def check(settings: Mapping[str, Json]) -> Sequence[str]:
    """Return what is wrong with settings."""
    return problems_of(read, settings)


def read(settings: Mapping[str, Json]) -> Settings:
    """Return settings as they are to be used.

    Raises:
        SettingsError: they are not valid.
    """
    return Settings(**read_values(settings, _READERS, "docker"))


def _address(value: Json) -> str:
    text = string(value)
    scheme, found, rest = text.partition("://")
    if not found or not rest or scheme not in {"unix", "tcp", "http", "https", "ssh", "npipe"}:
        raise ValueError(f"expected an address like unix:///run/docker.sock or tcp://HOST:2376, not {text!r}")
    return text


def _user(value: Json) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return string(value)


def _texts(value: Json) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, (list, tuple)):
        raise ValueError(f"expected a list of strings, not {value!r}")  # noqa: TRY004 - all of them are problems
    return tuple(string(item) for item in value)


def _volumes(value: Json) -> tuple[Volume, ...]:
    return tuple(_volume(text) for text in _texts(value))


def _volume(text: str) -> Volume:
    source, _, rest = text.partition(":")
    target, _, mode = rest.partition(":")
    if not source or not target.startswith("/") or mode not in {"", "ro", "rw"}:
        raise ValueError(f"expected SOURCE:TARGET[:ro] with an absolute TARGET, not {text!r}")
    if not source.startswith("/") and "/" in source:
        raise ValueError(f"the source of {text!r} must be an absolute path or the name of a volume")
    return Volume(source, target, mode == "ro")


def _paths(value: Json) -> Mapping[str, str]:
    pairs = value.items() if isinstance(value, Mapping) else ()
    kept = {ours: theirs for ours, theirs in pairs if isinstance(theirs, str) and ours[:1] == theirs[:1] == "/"}
    if not isinstance(value, Mapping) or len(kept) < len(value):
        raise ValueError(f"expected absolute paths of the Docker host by absolute paths of the worker, not {value!r}")
    return kept


_READERS: Mapping[str, Callable[[Json], object]] = MappingProxyType(
    {
        "host": _address,
        "connection": string,
        "registries": _texts,
        "pull": one_of(PULL),
        "user": _user,
        "network": string,
        "volumes": _volumes,
        "shm_size": megabytes,
        "runtime": string,
        "security_options": _texts,
        "paths": _paths,
    }
)
