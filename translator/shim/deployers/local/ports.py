"""Choose ports for servers, and find which processes listen on a port."""

from __future__ import annotations

import os
import random
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from translator.shim.process import group

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST = "127.0.0.1"
"""Where servers listen."""
PORTS = (20_000, 30_000)
"""The ports of servers: from the first to before the second, where systems give out none of their own accord."""
_LISTENING = "0A"
_LOCAL = ("0100007F", "0" * 24 + "0100007F", "0000000000000000FFFF00000100007F", "0" * 24 + "01000000")
"""How ``/proc/net`` writes 127.0.0.1, the same in IPv6, and ::1, on little-endian machines."""


def free_port(taken: set[int]) -> int:
    """Return a port that nothing listens on, and that is not in ``taken``.

    Raises:
        OSError: there is none.
    """
    candidates = [port for port in range(*PORTS) if port not in taken]
    random.shuffle(candidates)
    for port in candidates:
        if is_free(port):
            return port
    raise OSError(f"all ports from {PORTS[0]} to {PORTS[1] - 1} are in use")


def is_free(port: int) -> bool:
    """Return whether a server can listen on a port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def is_foreign(port: int, leader: int, mark: str) -> bool:
    """Return whether another program listens on a port of the local addresses.

    Args:
        port: the port.
        leader: the first process of a program.
        mark: the mark that the processes of the program carry; see ``translator.shim.process.group``.

    Returns:
        False also if the system does not say it (without ``/proc``).
    """
    listening = set(_inodes(port))
    if not listening:
        return False
    owned = {inode for pid in group.members(leader, mark) for inode in _sockets(pid)}
    return not listening <= owned


def _inodes(port: int) -> Iterator[str]:
    """Yield the inodes of the sockets that answer at a port of the local addresses."""
    for table in ("tcp", "tcp6"):
        try:
            lines = Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            _, local, _, state, *_ = fields = line.split()
            address, _, of = local.rpartition(":")
            if state == _LISTENING and int(of, 16) == port and (address in _LOCAL or not address.strip("0")):
                yield fields[9]


def _sockets(pid: int) -> Iterator[str]:
    """Yield the inodes of the sockets that a process has open; none if it may not be known."""
    folder = f"/proc/{pid}/fd"
    try:
        handles = os.listdir(folder)  # noqa: PTH208 - names only
    except OSError:
        return
    for handle in handles:
        try:
            target = os.readlink(f"{folder}/{handle}")  # noqa: PTH115 - not a path
        except OSError:
            continue
        if target.startswith("socket:["):
            yield target[len("socket:[") : -1]
