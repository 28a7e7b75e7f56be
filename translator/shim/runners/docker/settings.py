"""Read the settings of the docker runner, and say what is wrong with them.

This is also asked while translating, so it loads nothing of Docker.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeAlias

from translator.shim.errors import TranslatorError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from translator.shim.contract import Json

Pull: TypeAlias = Literal["always", "missing", "never"]
PULL: tuple[Pull, ...] = ("missing", "always", "never")


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


NAMES = tuple(one.name for one in fields(Settings))


class SettingsError(TranslatorError, ValueError):
    """Settings that are not valid; ``problems`` are for the user."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def check(settings: Mapping[str, Json]) -> Sequence[str]:
    """Return what is wrong with settings."""
    try:
        read(settings)
    except SettingsError as error:
        return error.problems
    return ()


def read(settings: Mapping[str, Json]) -> Settings:
    """Return settings as they are to be used.

    Raises:
        SettingsError: they are not valid.
    """
    problems: list[str] = []
    values: dict[str, object] = {}
    for name, value in settings.items():
        if name not in _READERS:
            problems.append(f"the docker runner does not have the setting {name!r} (it has: {', '.join(NAMES)})")
            continue
        try:
            values[name] = _READERS[name](value)
        except ValueError as error:
            problems.append(f"{name}: {error}")
    if problems:
        raise SettingsError(problems)
    return Settings(**values)  # type: ignore[arg-type]


def _text(value: Json) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"expected a string, not {value!r}")
    return value


def _address(value: Json) -> str:
    text = _text(value)
    scheme, found, rest = text.partition("://")
    if not found or not rest or scheme not in {"unix", "tcp", "http", "https", "ssh", "npipe"}:
        raise ValueError(f"expected an address like unix:///run/docker.sock or tcp://HOST:2376, not {text!r}")
    return text


def _pull(value: Json) -> Json:
    if value not in PULL:
        raise ValueError(f"expected one of {', '.join(PULL)}, not {value!r}")
    return value


def _user(value: Json) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return _text(value)


def _texts(value: Json) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, (list, tuple)):
        raise ValueError(f"expected a list of strings, not {value!r}")  # noqa: TRY004 - all of them are problems
    return tuple(_text(item) for item in value)


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


def _megabytes(value: Json) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ValueError(f"expected a number of megabytes, not {value!r}")
    return value


def _paths(value: Json) -> Mapping[str, str]:
    pairs = value.items() if isinstance(value, Mapping) else ()
    kept = {ours: theirs for ours, theirs in pairs if isinstance(theirs, str) and ours[:1] == theirs[:1] == "/"}
    if not isinstance(value, Mapping) or len(kept) < len(value):
        raise ValueError(f"expected absolute paths of the Docker host by absolute paths of the worker, not {value!r}")
    return kept


_READERS: Mapping[str, Callable[[Json], object]] = MappingProxyType(
    {
        "host": _address,
        "connection": _text,
        "registries": _texts,
        "pull": _pull,
        "user": _user,
        "network": _text,
        "volumes": _volumes,
        "shm_size": _megabytes,
        "runtime": _text,
        "security_options": _texts,
        "paths": _paths,
    }
)
