"""Limit the memory and the CPU of an execution with a control group (cgroup v2), where the worker may make one."""

from __future__ import annotations

import contextlib
import os
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from translator.shim.contract import Resources

_PERIOD = 100_000
_PATIENCE = 3.0


@contextmanager
def group(resources: Resources, mark: str, *, system: Path = Path("/")) -> Iterator[Path | None]:
    """Make a control group with limits, and remove it at the end; None where there cannot be one.

    Args:
        resources: the limits.
        mark: a name that no other group has.
        system: the root of the file system.
    """
    cgroup = _created(resources, mark, system) if resources.cpu is not None or resources.memory is not None else None
    try:
        yield cgroup
    finally:
        if cgroup is not None:
            _remove(cgroup)


def entered(folder: Path, arguments: list[str]) -> list[str]:
    """Return the command that runs another in a control group."""
    return ["/bin/sh", "-c", 'echo 0 > "$0" && exec "$@"', str(folder / "cgroup.procs"), *arguments]


def unlimited(resources: Resources) -> str | None:
    """Return what to tell about limits that are not enforced, if there are any."""
    limits = [f"{resources.cpu:g} CPUs"] if resources.cpu is not None else []
    limits += [f"{resources.memory} MB of memory"] if resources.memory is not None else []
    if not limits:
        return None
    return f"the limit of {' and '.join(limits)} is not enforced: this worker cannot create control groups (cgroup v2)"


def _created(resources: Resources, mark: str, system: Path) -> Path | None:
    parent = _parent(system)
    if parent is None:
        return None
    folder = parent / f"translator-{mark}"
    try:
        folder.mkdir()
        if resources.memory is not None:
            (folder / "memory.max").write_text(str(resources.memory << 20))
            with contextlib.suppress(OSError):
                (folder / "memory.swap.max").write_text("0")
            with contextlib.suppress(OSError):
                (folder / "memory.oom.group").write_text("1")
        if resources.cpu is not None:
            (folder / "cpu.max").write_text(f"{round(resources.cpu * _PERIOD)} {_PERIOD}")
    except OSError:
        with contextlib.suppress(OSError):
            folder.rmdir()
        return None
    return folder


def _parent(system: Path) -> Path | None:
    """Return the group around the worker's own, if it limits memory and CPU, and the worker may write to it."""
    try:
        lines = (system / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    own = next((line.removeprefix("0::") for line in lines if line.startswith("0::")), None)
    if own is None or own == "/":
        return None
    parent = (system / "sys/fs/cgroup" / own.strip("/")).parent
    try:
        controllers = (parent / "cgroup.subtree_control").read_text(encoding="utf-8").split()
    except OSError:
        return None
    writable = os.access(parent, os.W_OK) and os.access(parent / "cgroup.procs", os.W_OK)
    return parent if writable and {"memory", "cpu"} <= set(controllers) else None


def _remove(folder: Path) -> None:
    """Remove a group; what still runs in it is ended."""
    with contextlib.suppress(OSError):
        (folder / "cgroup.kill").write_text("1")
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            if time.monotonic() > deadline:
                return
            time.sleep(0.01)
        else:
            return
