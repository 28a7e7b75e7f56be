"""Find the processes of one execution, and end all of them.

A command runs in its own session and process group, and its environment carries a mark that its descendants
inherit. A process belongs to the execution if it is in the group or the session, carries the mark, or descends from one
that does: so also a daemon that detached itself (``setsid``, double fork) is found. Only a process that detached
itself, cleared its environment *and* outlived its parents is not; no portable means finds that one. Marks, sessions and
parents are read from ``/proc``; without it (macOS) the process group alone is ended.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MARK = "TRANSLATOR_EXECUTION"
GRACE = 3.0
_ROUNDS = 5


def pids() -> list[str]:
    """Return the ids of all processes in ``/proc``; empty without ``/proc``."""
    try:
        return [name for name in os.listdir("/proc") if name.isdecimal()]  # noqa: PTH208 - ten times faster
    except OSError:
        return []


def members(group: int, mark: str, *, higher: bool = False) -> list[int]:
    """Return the living processes of an execution.

    Args:
        group: process group and session of the command, and id of its first process.
        mark: the execution's mark.
        higher: check only processes with higher ids. The system counts ids up, so these are the younger ones until it
            starts again from the bottom; each skipped process saves reading two files.
    """
    everybody = pids()
    if not everybody:
        return [group] if _is_there(group) else []
    if higher:
        everybody = [name for name in everybody if int(name) > group]
    wanted = f"{MARK}={mark}".encode()
    parents: dict[int, int] = {}
    marked_pids = set()
    for name in everybody:
        status = _status(name)
        if status is None:
            continue
        state, parent, of_group, session = status
        if state in {"Z", "X", "x"}:
            continue
        pid = int(name)
        parents[pid] = parent
        if group in {of_group, session} or wanted in environment_of(name):
            marked_pids.add(pid)
    grown = True
    while grown:
        children = {pid for pid, parent in parents.items() if parent in marked_pids} - marked_pids
        marked_pids |= children
        grown = bool(children)
    return sorted(marked_pids)


def send(group: int, processes: Iterable[int], number: signal.Signals) -> None:
    """Send a signal to the group, and to processes that may have left it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
    for pid in processes:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def end(group: int, mark: str, grace: float) -> None:
    """End all processes of an execution: TERM, wait for up to ``grace`` seconds, KILL.

    It takes no lock and reaps no process, so a signal handler or any thread may call it.
    """
    processes = members(group, mark)
    send(group, processes, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while processes and (remaining := deadline - time.monotonic()) > 0:
        wait(processes, remaining)
        processes = members(group, mark)
    for _ in range(_ROUNDS):
        if not processes:
            break
        send(group, processes, signal.SIGKILL)
        wait(processes, 1.0)
        processes = members(group, mark)
    else:
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def wait(processes: Iterable[int], seconds: float) -> None:
    """Wait until all ``processes`` have ended, or for ``seconds``; without pidfds (macOS) for a moment."""
    handles = [handle for pid in processes if (handle := handle_of(pid)) is not None]
    poll = select.poll()
    for handle in handles:
        poll.register(handle, select.POLLIN)
    waiting = set(handles)
    deadline = time.monotonic() + seconds
    try:
        while waiting and (remaining := deadline - time.monotonic()) > 0:
            for handle, _ in poll.poll(remaining * 1000):
                poll.unregister(handle)
                waiting.discard(handle)
        if not handles:
            time.sleep(min(0.05, seconds))
    finally:
        for handle in handles:
            os.close(handle)


def handle_of(pid: int) -> int | None:
    """Return a pidfd, which becomes readable when the process ends; None if there is none."""
    opener = getattr(os, "pidfd_open", None)
    if opener is None:
        return None
    try:
        return int(opener(pid))
    except OSError:
        return None


def _is_there(group: int) -> bool:
    """Return whether a process group has a living process, as far as signals can tell."""
    try:
        os.killpg(group, 0)
    except OSError:
        return False
    return True


def _status(pid: str) -> tuple[str, int, int, int] | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - read for each process of the machine
            fields = file.read().rpartition(b")")[2].split()
        return fields[0].decode(), int(fields[1]), int(fields[2]), int(fields[3])
    except (OSError, ValueError, IndexError):
        return None


def environment_of(pid: str) -> frozenset[bytes]:
    """Return the variables with which a process was started, each as ``NAME=VALUE``; none if it may not be known."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123 - as above
            return frozenset(file.read().split(b"\0"))
    except OSError:
        return frozenset()
