"""Read the settings of the deployer ``local``."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from translator.shim.deployers import DeployError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from translator.shim.contract import Json

VARIABLE = "TRANSLATOR_DEPLOYMENTS"
"""The environment variable with the directory of all deployments, if the settings name none."""
PORT = 8700
HOST = "127.0.0.1"
_PLAIN = re.compile(r"/[A-Za-z0-9_./@+=:,-]*")
_LONGEST = 90
"""Unix sockets have paths of at most 108 bytes."""
_LAST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a deployer.

    ``directory`` has the state and the servers' files, ``host`` and ``port`` are where clients connect. ``keep`` is how
    many versions without an alias stay up, ``timeout`` how many seconds servers have to become healthy, ``health`` the
    path that must answer with success. ``requirements``: the project's requirements file is installed. ``deployer`` is
    the name of the deployer to which the directory belongs.
    """

    directory: Path
    host: str = HOST
    port: int = PORT
    keep: int = 2
    timeout: float = 300
    health: str | None = None
    requirements: bool = True
    deployer: str = "local"


def default_directory() -> Path:
    """Return the directory of deployments if the settings name none."""
    if os.environ.get(VARIABLE):
        return Path(os.environ[VARIABLE])
    state = os.environ.get("XDG_STATE_HOME", "")
    base = Path(state) if state.startswith("/") else Path.home() / ".local" / "state"
    return base / "pipeline-translator" / "deployments"


def address(host: str, port: int | str) -> str:
    """Return an address as URLs have it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def check(settings: Mapping[str, Json]) -> Sequence[str]:
    """Return what is wrong with settings; none of them is required."""
    return [problem for key, value in settings.items() if (problem := _problem(key, value)) is not None]


def _problem(key: str, value: Json) -> str | None:  # noqa: PLR0911 - one per key
    match key:
        case "directory":
            return None if isinstance(value, str) and value.startswith("/") else "'directory' must be an absolute path"
        case "host":
            return None if isinstance(value, str) and value.strip() else "'host' must be an address, such as 127.0.0.1"
        case "port":
            return None if _whole(value, 1, _LAST_PORT) else f"'port' must be an integer from 1 to {_LAST_PORT}"
        case "keep":
            return None if _whole(value, 1, 1000) else "'keep' must be an integer from 1 to 1000"
        case "timeout":
            fine = isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0
            return None if fine else "'timeout' must be a number of seconds greater than 0"
        case "health":
            fine = isinstance(value, str) and value.startswith("/") and value.isprintable() and " " not in value
            return None if fine else "'health' must be a path that starts with '/', such as /health"
        case "requirements":
            return None if isinstance(value, bool) else "'requirements' must be true or false"
        case _:
            known = "directory, health, host, keep, port, requirements, timeout"
            return f"the deployer 'local' has no setting {key!r}; it has {known}"


def _whole(value: Json, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def read(settings: Mapping[str, Json]) -> Settings:
    """Return the settings.

    Raises:
        DeployError: one is wrong, or the directory cannot be the place of servers.
    """
    if problems := check(settings):
        raise DeployError("; ".join(problems))
    values = dict(settings)
    directory = Path(str(values.pop("directory", ""))) if "directory" in values else default_directory()
    return Settings(plain(directory), **values)  # type: ignore[arg-type]  # checked above


def plain(directory: Path) -> Path:
    """Return a directory of deployments without links.

    Raises:
        DeployError: it cannot be the place of servers.
    """
    directory = Path(os.path.realpath(directory))
    if not _PLAIN.fullmatch(str(directory)) or len(str(directory)) > _LONGEST:
        raise DeployError(
            f"the directory of deployments {directory} must have at most {_LONGEST} plain characters; "
            f"set 'directory' of the deployer, or {VARIABLE}, to another one"
        )
    return directory
