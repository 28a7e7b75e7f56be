"""Describe the container of a server: what it runs, and what it may use."""

from __future__ import annotations

import hashlib
import shlex
import stat
from typing import TYPE_CHECKING, Any

from translator.shim.deployers.docker.settings import HOST_NETWORK
from translator.shim.deployers.local.server import joined, localised
from translator.shim.runners.docker import container
from translator.shim.runners.docker.labels import PREFIX

if TYPE_CHECKING:
    import tarfile
    from collections.abc import Mapping

    from translator.shim import contract
    from translator.shim.deployers.docker.settings import Settings
    from translator.shim.deployers.local.state import Version
    from translator.shim.runners.docker.engine import Engine

HOME = "/srv/repository"
"""The working directory of servers."""
DEPLOYMENTS, DEPLOYMENT, VERSION, ENDPOINT = (
    f"{PREFIX}{one}" for one in ("deployments", "deployment", "version", "endpoint")
)
"""The labels. None is that of a worker: what cleans up after workers that are gone leaves these containers alone."""

# The first process of a container gets no signal that it does not handle, so it passes TERM on.
_FIRST = """\
trap 'kill -TERM -1 2>/dev/null' TERM
/bin/sh -c "$1" &
while :; do
  wait $!
  status=$?
  kill -0 $! 2>/dev/null || exit $status
done
"""


def of_version(identity: str, version: Version) -> dict[str, str]:
    """Return the labels that all containers of a version have."""
    return {DEPLOYMENTS: identity, DEPLOYMENT: version.deployment, VERSION: str(version.number)}


def name(identity: str, version: Version, endpoint: str) -> str:
    """Return the name of a container, which no other one of the engine has."""
    digest = hashlib.sha256(f"{identity}/{version.deployment}/{endpoint}".encode()).hexdigest()[:10]
    return f"translator-{version.deployment}-{version.number}-{endpoint}-{digest}"


def create(  # noqa: PLR0913 - what a container has
    engine: Engine,
    settings: Settings,
    identity: str,
    version: Version,
    endpoint: contract.Endpoint,
    *,
    user: str | None,
    on_host: bool,
) -> str:
    """Create the container of a server, and return its id.

    Args:
        engine: the container engine.
        settings: those of the deployer.
        identity: what tells containers of this directory from others.
        version: the version, with its ports.
        endpoint: the endpoint.
        user: the user that the server runs as, if it is not that of the image.
        on_host: whether it has the network of the host, and so listens at the version's own port.

    Raises:
        RunnerError: a container cannot have a device.
    """
    client, own = engine.client, version.endpoints[endpoint.name]
    port, host = (own.port, settings.publish) if on_host else (endpoint.port, "0.0.0.0")  # noqa: S104 - its own network
    variables = {
        "PYTHONUNBUFFERED": "1",
        **version.environment,
        "PORT": str(port),
        "VALOHAI_PORT": str(port),
        "VH_DEFAULT_PREFIX": version.prefix(endpoint.name),
    }
    created = client.create_container(
        endpoint.image,
        name=name(identity, version, endpoint.name),
        entrypoint=["/bin/sh", "-c", _FIRST, "sh"],
        command=[_command(endpoint, port, host, on_host=on_host)],
        environment=[f"{key}={value}" for key, value in variables.items()],
        working_dir=HOME,
        user=user,
        labels={**of_version(identity, version), ENDPOINT: endpoint.name},
        ports=None if on_host else [port],
        host_config=_host_config(engine, settings, endpoint, None if on_host else {port: (settings.publish, own.port)}),
        use_config_proxy=True,
    )
    return str(created["Id"])


def _command(endpoint: contract.Endpoint, port: int, host: str, *, on_host: bool) -> str:
    """Return the command of a server as a text for ``sh``."""
    if endpoint.wsgi is not None:
        bind = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        return f"exec python3 -m gunicorn --bind {bind} -- {shlex.quote(endpoint.wsgi)}"
    commands = endpoint.server_command
    command = joined([commands] if isinstance(commands, str) else commands)
    return localised(command, endpoint.port, port, host) if on_host else command


def _host_config(
    engine: Engine,
    settings: Settings,
    endpoint: contract.Endpoint,
    ports: Mapping[int | str, tuple[str, int]] | None,
) -> dict[str, Any]:
    """Return what a container has of its host, and its limits; the schema has cores, and memory in megabytes."""
    limits: dict[str, Any] = {}
    resources: Mapping[str, Any] = endpoint.resources
    cores, memory = (resources.get(key) or {} for key in ("cpu", "memory"))
    if memory.get("max") is not None:
        limits |= dict.fromkeys(("mem_limit", "memswap_limit"), round(memory["max"] * container.MEGABYTE))
    if memory.get("min") is not None:
        limits["mem_reservation"] = round(memory["min"] * container.MEGABYTE)
    if cores.get("max") is not None:
        limits["nano_cpus"] = round(cores["max"] * 1e9)
    of_runner = settings.containers
    return engine.client.create_host_config(
        port_bindings=ports,
        network_mode=of_runner.network if ports is not None else HOST_NETWORK,
        restart_policy={"Name": "unless-stopped"},
        mounts=container.volumes(of_runner),
        runtime=of_runner.runtime,
        security_opt=list(of_runner.security_options) or None,
        shm_size=of_runner.shm_size * container.MEGABYTE if of_runner.shm_size else None,
        **limits,
        **container.devices(engine, resources.get("devices") or {}),
    )


def for_anybody(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Return a member of an archive that root owns and any user may change: who that is depends on the image."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    if member.isdir():
        member.mode = 0o777
    elif member.isfile():
        member.mode |= (
            0o444 | (0o222 if member.mode & stat.S_IWUSR else 0) | (0o111 if member.mode & stat.S_IXUSR else 0)
        )
    return member
