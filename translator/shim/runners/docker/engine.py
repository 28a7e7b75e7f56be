"""Call a container engine through the Docker Engine API, which Docker and Podman serve.

The client is ``docker``, an optional dependency that takes a tenth of a second to import: only workers that run a step
in a container load it.
"""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from translator.shim.runners import RunnerError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from docker import APIClient

    from translator.shim.contract import Connection
    from translator.shim.runners.docker.settings import Settings

_SOCKETS = ("/var/run/docker.sock", "/run/podman/podman.sock")
_PORT = re.compile(r":\d+$")
_NOT_FOUND = 404
_CONFLICT = 409


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a container engine, and the directory of the TLS files (``ca.pem``, ``cert.pem``, ``key.pem``)."""

    url: str
    certificates: str | None = None


@dataclass(slots=True)
class Engine:
    """A container engine: its address, a client of one execution, and what it says of itself."""

    address: Address
    client: APIClient
    _about: dict[str, Any] | None = field(default=None)

    def about(self) -> Mapping[str, Any]:
        """Return what the engine says of itself."""
        if self._about is None:
            with speaking(self.address, "ask about"):
                self._about = dict(self.client.info())
        return self._about

    @property
    def rootless(self) -> bool:
        """Return whether the engine runs as a plain user, who is root in its containers."""
        about = self.about()
        # Podman before 4.6 says it only in another field.
        return about.get("Rootless") is True or any("rootless" in one for one in about.get("SecurityOptions") or ())

    @property
    def limits(self) -> bool:
        """Return whether the engine enforces limits; that of a plain user needs cgroup v2, and says nothing without."""
        return not (self.rootless and self.about().get("CgroupVersion") == "1")

    @property
    def podman(self) -> bool:
        """Return whether the engine is Podman."""
        with speaking(self.address, "ask about"):
            components = self.client.version().get("Components") or ()
        return any("podman" in str(component.get("Name", "")).lower() for component in components)


class UnreachableError(RunnerError):
    """An engine that does not answer."""


def address(settings: Settings, connection: Connection | None) -> Address:
    """Return the address of the engine: that of the settings, of the connection, or of the worker's environment."""
    extra = connection.extra if connection is not None else {}
    certificates = extra.get("certificates") or extra.get("cert_path")
    folder = str(certificates) if certificates else None
    if settings.host is not None:
        return Address(settings.host, folder)
    if connection is not None and connection.host:
        return Address(_url(connection, secure=folder is not None), folder)
    if url := os.environ.get("DOCKER_HOST"):
        verified = os.environ.get("DOCKER_TLS_VERIFY")
        return Address(
            url, os.environ.get("DOCKER_CERT_PATH", str(Path("~/.docker").expanduser())) if verified else None
        )
    runtime = os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")
    sockets = (*_SOCKETS, f"{runtime}/docker.sock", f"{runtime}/podman/podman.sock")
    return Address(f"unix://{next((path for path in sockets if os.access(path, os.W_OK)), sockets[0])}")


def _url(connection: Connection, *, secure: bool) -> str:
    host = connection.host or ""
    if host.startswith("/"):
        return f"unix://{host}"
    scheme, separator, rest = host.partition("://")
    if not separator:
        scheme, rest = "tcp", host
    if scheme != "tcp" or _PORT.search(rest):
        return f"{scheme}://{rest}"
    return f"tcp://{rest}:{connection.port or (2376 if secure else 2375)}"


_versions: dict[Address, str] = {}


def connect(address: Address) -> Engine:
    """Connect to an engine; the version of its API is asked once per process.

    Raises:
        RunnerError: the package is not installed, or the engine does not answer.
    """
    try:
        from docker import APIClient
        from docker.tls import TLSConfig
    except ImportError as error:
        raise RunnerError(
            f"this worker cannot run steps in containers ({error}): install pipeline-translator[docker] on it"
        ) from error

    class Client(APIClient):
        def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
            """Use the authority of the connection, even if REQUESTS_CA_BUNDLE names others."""
            return super().merge_environment_settings(
                url, proxies, stream, self.verify if verify is None else verify, cert
            )

    tls: TLSConfig | bool = False
    with speaking(address, "connect to"):
        if address.certificates is not None:
            folder = Path(address.certificates)
            tls = TLSConfig(
                client_cert=(str(folder / "cert.pem"), str(folder / "key.pem")),
                ca_cert=str(folder / "ca.pem"),
                verify=True,
            )
        client = Client(base_url=address.url, version=_versions.get(address, "auto"), tls=tls)
        _versions[address] = client.api_version
        return Engine(address, client)


@contextlib.contextmanager
def speaking(address: Address, action: str) -> Iterator[None]:
    """Turn errors of the client into those of a runner, which say what could not be done.

    Raises:
        UnreachableError: the engine does not answer.
        RunnerError: the engine refuses.
    """
    from docker.errors import APIError, DockerException

    try:
        yield
    except APIError as error:
        raise RunnerError(f"cannot {action} the container engine {address.url}: {error_text(error)}") from error
    except (DockerException, OSError) as error:  # those of requests are OSError
        raise UnreachableError(f"cannot {action} the container engine {address.url}: {_cause(error)}") from error


def error_text(error: Exception) -> str:
    """Return what the engine says is wrong, without the client's words around it."""
    explanation = getattr(error, "explanation", None)
    text = explanation.decode(errors="replace") if isinstance(explanation, bytes) else explanation
    return str(text or error).strip()


def is_gone(error: Exception) -> bool:
    """Return whether the engine says that a container is gone, is going, or does not run."""
    response = getattr(error, "response", None)
    return getattr(response, "status_code", None) in {_NOT_FOUND, _CONFLICT}


def _cause(error: BaseException) -> str:
    """Return the innermost reason of a client's error."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error)
