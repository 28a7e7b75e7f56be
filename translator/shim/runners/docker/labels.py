"""Mark containers, so that people and later executions know whose they are, and whether their worker is still alive."""

from __future__ import annotations

import hashlib
import os
import socket
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from translator.shim.contract import ExecutionId

PREFIX = "pipeline-translator."
WORKER = f"{PREFIX}worker"
_START_TIME = 19


def of_execution(identity: ExecutionId, store: str) -> dict[str, str]:
    """Return the labels that all attempts of one execution have, and no other execution."""
    digest = hashlib.sha256(store.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return {
        f"{PREFIX}store": digest,
        f"{PREFIX}pipeline": identity.pipeline,
        f"{PREFIX}run": identity.run,
        f"{PREFIX}node": identity.node,
        f"{PREFIX}index": str(identity.index),
    }


def of_attempt(identity: ExecutionId, store: str) -> dict[str, str]:
    """Return the labels of an attempt's container."""
    return {
        **of_execution(identity, store),
        f"{PREFIX}attempt": str(identity.attempt),
        f"{PREFIX}host": socket.gethostname(),
        WORKER: worker(),
    }


def worker() -> str:
    """Return what identifies this process: the boot of its machine, its namespace, its id and when it started."""
    return f"{_machine()}:{os.getpid()}:{_started(os.getpid()) or 0}"


def is_gone(labels: Mapping[str, str]) -> bool:
    """Return whether the worker that started a container has ended; unknown of other machines, which counts as no."""
    machine, _, rest = labels.get(WORKER, "").rpartition(":")[0].rpartition(":")
    started = labels.get(WORKER, "").rpartition(":")[2]
    if machine != _machine() or not rest.isdecimal():
        return False
    return _started(int(rest)) != started


@cache
def _machine() -> str:
    """Return what identifies this boot of this machine and the namespace of its process ids; empty if nothing does."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        namespace = Path("/proc/self/ns/pid").readlink().name
    except OSError:
        return f"unknown-{os.urandom(8).hex()}"
    return f"{boot}:{namespace.replace(':', '')}"


def _started(pid: int) -> str | None:
    """Return when a process started, in ticks since the boot; None if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if fields[0] in {b"Z", b"X"} else fields[_START_TIME].decode()
