"""Describe the container of an execution: what it runs, sees and may use."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from translator.shim.runners import RunnerError
from translator.shim.runners.docker import labels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from docker.types import Mount

    from translator.shim.runners import Request
    from translator.shim.runners.docker.engine import Engine
    from translator.shim.runners.docker.settings import Settings

MEGABYTE = 1 << 20
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.-]+")
_NODE_LENGTH = 40

# The first process of the container: the command's exit status becomes the container's. What the command has left
# running may finish its last lines, then gets TERM, and three seconds later is killed with the container. The image
# need not have `sleep`. What this shell itself prints ("Killed") is not the command's output.
_WRAPPER = r"""
exec 3>&2 2>/dev/null
(exec 2>&3 3>&-; exec "$@")
status=$?
others() { set -- /proc/[0-9]*; [ $# -gt 1 ]; }
patiently() { while [ "$1" -gt 0 ] && others && sleep 0.1; do set -- $(($1 - 1)); done; }
if others; then
  patiently 5
  others && kill -TERM -1 && patiently 30
fi
count=0
for file in /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control; do
  [ -r "$file" ] && while read -r key value; do
    [ "$key" = oom_kill ] && count=$value
  done <"$file"
done
[ "$count" -gt 0 ] && echo "memory ran out: the system killed $count process(es) of this container" >&3
exit $status
"""
OUT_OF_MEMORY = b"memory ran out: the system killed"


@dataclass(frozen=True, slots=True)
class Bind:
    """A directory or file of this worker that the container sees."""

    source: Path
    target: str
    read_only: bool = False


def host_config(engine: Engine, request: Request, settings: Settings, binds: Sequence[Bind]) -> dict[str, Any]:
    """Return what the container sees of its host, and its limits.

    Raises:
        RunnerError: the step needs what the runner cannot give.
    """
    resources = request.step.resources
    limits: dict[str, Any] = {}
    if resources.memory is not None:
        # Without swap: a limit that is exceeded slowly is worse than one that says so.
        limits |= {"mem_limit": resources.memory * MEGABYTE, "memswap_limit": resources.memory * MEGABYTE}
    if resources.cpu is not None:
        limits["nano_cpus"] = round(resources.cpu * 1e9)
    shared = settings.shm_size or resources.memory or _half_of_memory()
    return engine.client.create_host_config(
        mounts=[*(_mount(bind, settings) for bind in binds), *volumes(settings)],
        network_mode=settings.network,
        runtime=settings.runtime,
        security_opt=list(settings.security_options) or None,
        shm_size=shared * MEGABYTE if shared else None,
        **limits,
        **devices(engine, resources.devices),
    )


def create(  # noqa: PLR0913 - what a container has
    engine: Engine,
    request: Request,
    arguments: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    user: str | None,
    host: dict[str, Any],
) -> str:
    """Create the container of an execution, and return its id."""
    created = engine.client.create_container(
        request.step.image,
        entrypoint=["/bin/sh", "-c", _WRAPPER, "sh"],
        command=list(arguments),
        environment=[f"{name}={value}" for name, value in environment.items()],
        working_dir=str(folder),
        user=user,
        labels=labels.of_attempt(request.id, scope(request)),
        name=name(request),
        host_config=host,
        use_config_proxy=True,
    )
    return str(created["Id"])


def name(request: Request) -> str:
    """Return a name for people, which no other container has."""
    node = _NOT_IN_NAMES.sub("-", request.id.node)[:_NODE_LENGTH]
    return f"translator-{node}-{request.id.index}-{request.id.attempt}-{request.ticket.mark[:12]}"


def scope(request: Request) -> str:
    """Return what keeps executions of equal names apart that belong to two deployments."""
    return f"{request.store}\n{request.project}"


def on_host(path: Path, settings: Settings) -> str:
    """Return the path on the Docker host of a directory of this worker."""
    for ours, theirs in sorted(settings.paths.items(), key=lambda pair: len(pair[0]), reverse=True):
        if path.is_relative_to(ours):
            return str(PurePosixPath(theirs) / path.relative_to(ours))
    return str(path)


def _mount(bind: Bind, settings: Settings) -> Mount:
    from docker.types import Mount

    return Mount(bind.target, on_host(bind.source, settings), type="bind", read_only=bind.read_only)


def volumes(settings: Settings) -> list[Mount]:
    """Return the volumes that the settings name."""
    from docker.types import Mount

    return [
        Mount(
            volume.target,
            volume.source,
            type="volume" if volume.is_volume else "bind",
            read_only=volume.read_only,
            labels={f"{labels.PREFIX}cache": "true"} if volume.is_volume else None,
        )
        for volume in settings.volumes
    ]


def devices(engine: Engine, wanted: Mapping[str, int]) -> dict[str, Any]:
    """Return the devices of a container: GPUs by the name that Kubernetes gives them, others by their path.

    Raises:
        RunnerError: a container cannot have one of them.
    """
    if not wanted:
        return {}
    from docker.types import DeviceRequest

    paths: list[str] = []
    requests: list[DeviceRequest] = []
    for device, count in wanted.items():
        if device.startswith("/dev/"):
            paths.append(f"{device}:{device}:rwm")
        elif not device.endswith("/gpu") and device != "gpu":
            raise RunnerError(
                f"a container cannot have the device {device!r}: "
                f"the engine knows GPUs (nvidia.com/gpu) and paths (/dev/...)"
            )
        elif engine.podman:
            # Podman ignores device requests; it knows GPUs by their names in the Container Device Interface.
            kind = device if "/" in device else "nvidia.com/gpu"
            paths += [f"{kind}={number}" for number in range(count)]
        else:
            requests.append(DeviceRequest(count=count, capabilities=[["gpu"]]))
    return {"devices": paths or None, "device_requests": requests or None}


def _half_of_memory() -> int | None:
    """Return half of this machine's memory in MB; Docker's default of 64 MB breaks PyTorch's data loaders."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // MEGABYTE // 2
    except (ValueError, OSError):
        return None
