"""End the containers of a worker that died (``kill -9``, out of memory), from the same machine.

It is the watchdog of processes (``translator.shim.process.watchdog``), but when the worker is gone, and only then, it
starts a Python, which ends the containers that are left (``leftovers.end_all``).
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from translator.shim.process.watchdog import Watchdog
from translator.shim.runners.docker.engine import Address

if TYPE_CHECKING:
    from collections.abc import Sequence

_MAIN = f"""
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from {__package__}.leftovers import end_all
end_all(sys.argv[2:])
"""


def _program() -> Sequence[str]:
    return sys.executable, "-c", _MAIN, json.dumps(sys.path)


containers = Watchdog('exec "$@" $live', _program, ("HOME", "SSH_AUTH_SOCK"))
"""The watchdog of this worker's containers."""


def begin(address: Address, container: str) -> None:
    """End the container if this worker dies."""
    containers.begin(_item(address, container))


def forget(address: Address, container: str) -> None:
    """Stop watching a container that has ended."""
    containers.forget(_item(address, container))


def _item(address: Address, container: str) -> str:
    return f"{container}:{quote(json.dumps([address.url, address.certificates]))}"


def read_item(item: str) -> tuple[Address, str]:
    """Return the engine and the container that an item of the watchdog names."""
    container, _, where = item.partition(":")
    return Address(*json.loads(unquote(where))), container
