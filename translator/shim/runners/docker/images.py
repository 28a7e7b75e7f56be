"""Bring the image of a step to the container engine, with credentials from the engine's own connections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from translator.shim.runners import RunnerError
from translator.shim.runners.docker import connections
from translator.shim.runners.docker.engine import error_text, speaking

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from translator.shim.contract import Connection
    from translator.shim.runners.docker.engine import Engine
    from translator.shim.runners.docker.settings import Settings

_HUB = "docker.io"
_HUBS = frozenset({_HUB, "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com", "hub.docker.com"})


def ready(  # noqa: PLR0913, PLR0917 - what a pull depends on
    engine: Engine,
    image: str,
    settings: Settings,
    connection: Callable[[str], Connection | None],
    note: Callable[[str], None],
    pulse: Callable[[], None],
) -> Mapping[str, Any]:
    """Provide an image on the engine, and return what the engine knows of it.

    Raises:
        RunnerError: it cannot be had; the message says why.
        BaseException: what ``pulse`` raises, called while the image is pulled.
    """
    if settings.pull != "always" and (inspected := _inspect(engine, image)) is not None:
        return inspected
    if settings.pull == "never":
        raise RunnerError(
            f"the image {image} is not on the container engine {engine.address.url}, and pull is never: "
            f"load it there, or set pull to missing"
        )
    note(f"pulling image {image}")
    _pull(engine, image, _credentials(image, settings.registries, connection), pulse)
    inspected = _inspect(engine, image)
    if inspected is None:
        raise RunnerError(f"the container engine {engine.address.url} does not have the image {image} after its pull")
    return inspected


def _inspect(engine: Engine, image: str) -> Mapping[str, Any] | None:
    from docker.errors import ImageNotFound

    with speaking(engine.address, "look for an image on"):
        try:
            found: Mapping[str, Any] = engine.client.inspect_image(image)  # type: ignore[no-untyped-call]
        except ImageNotFound:
            return None
    return found


def _pull(engine: Engine, image: str, credentials: dict[str, str] | None, pulse: Callable[[], None]) -> None:
    from docker.errors import APIError
    from docker.utils import parse_repository_tag

    repository, tag = parse_repository_tag(image)
    with speaking(engine.address, "pull an image with"):
        try:
            for event in engine.client.pull(
                repository, tag=tag or "latest", stream=True, decode=True, auth_config=credentials
            ):
                if problem := event.get("error"):
                    raise RunnerError(f"cannot pull the image {image}: {problem}")
                pulse()
        except APIError as error:
            raise RunnerError(f"cannot pull the image {image}: {error_text(error)}") from error


def registry(image: str) -> str:
    """Return the host of the registry that an image is named after."""
    first, slash, _ = image.partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else _HUB


def _credentials(
    image: str, names: Sequence[str], connection: Callable[[str], Connection | None]
) -> dict[str, str] | None:
    """Return the credentials for an image's registry; None leaves them to Docker's own configuration."""
    wanted = registry(image)
    for name in names:
        login = connections.find(name, connection)
        host = _host(login)
        if host == wanted or (host in _HUBS and wanted == _HUB):
            credentials = {"username": login.login, "password": login.password, "serveraddress": host}
            return {key: value for key, value in credentials.items() if value}
    return None


def _host(connection: Connection) -> str:
    """Return the host (and port) of a connection to a registry, whose address may be a URL."""
    host = (connection.host or _HUB).partition("://")[2] or connection.host or _HUB
    host = host.partition("/")[0]
    return f"{host}:{connection.port}" if connection.port and ":" not in host else host
