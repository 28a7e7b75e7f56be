"""End the containers of a worker that died (``kill -9``, out of memory), from the same machine.

As for processes (``translator.shim.process.watchdog``), a tiny ``sh`` in its own session reads a pipe of which only the
worker holds the other end, and which tells it what containers begin and end. When the pipe closes, the worker is gone:
only then it starts a Python, which ends those that are left.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from translator.shim.runners.docker.engine import Address

if TYPE_CHECKING:
    from collections.abc import Sequence

_SCRIPT = """
trap '' HUP INT TERM
live=
while read -r sign item; do
  case $sign in
    +) live="$live $item" ;;
    -) kept=; for one in $live; do [ "${one%%:*}" = "$item" ] || kept="$kept $one"; done; live=$kept ;;
  esac
done
[ -n "$live" ] || exit 0
exec "$@" $live
"""

_lock = threading.Lock()
_shell: subprocess.Popen[bytes] | None = None
_pipe: int | None = None


def begin(where: Address, container: str) -> None:
    """End the container if this worker dies."""
    _tell(f"+ {container}:{quote(json.dumps([where.url, where.certificates]))}", start=True)


def done(container: str) -> None:
    """Stop watching a container that has ended."""
    _tell(f"- {container}")


def main(items: Sequence[str]) -> None:
    """End containers, each given with the address of its engine; called by the watchdog."""
    from translator.shim.process import group
    from translator.shim.runners.docker.follow import remove
    from translator.shim.runners.docker.leftovers import Elsewhere

    left = [(name, Address(*json.loads(unquote(where)))) for name, _, where in (item.partition(":") for item in items)]
    for container, where in left:
        Elsewhere(where, container).terminate()
    deadline = time.monotonic() + group.GRACE
    for container, where in left:
        Elsewhere(where, container).end(max(0.0, deadline - time.monotonic()))
        with contextlib.suppress(Exception):
            remove(where, None, container)


def _tell(line: str, *, start: bool = False) -> None:
    global _pipe  # noqa: PLW0603 - there is one watchdog per process
    with _lock:
        if _pipe is None and start:
            _start()
        if _pipe is None:
            return
        try:
            os.write(_pipe, f"{line}\n".encode())
        except OSError:
            # It was killed; the next container gets another one.
            os.close(_pipe)
            _pipe = None


def _start() -> None:
    global _pipe, _shell  # noqa: PLW0603 - there is one watchdog per process
    read, write = os.pipe()
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "SSH_AUTH_SOCK"}}
    try:
        _shell = subprocess.Popen(
            ["/bin/sh", "-c", _SCRIPT, "sh", sys.executable, "-c", _MAIN, json.dumps(sys.path)],
            stdin=read,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
            env=kept,
        )
    except OSError:
        os.close(write)
        return
    finally:
        os.close(read)
    # It outlives us by design, so we do not wait for it.
    _shell.returncode = 0
    _pipe = write


_MAIN = f"""
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from {__name__} import main
main(sys.argv[2:])
"""


def _after_fork() -> None:
    """Close the watchdog's pipe in a forked child, which must not hide the parent's end."""
    global _lock, _pipe, _shell  # noqa: PLW0603 - there is one watchdog per process
    _lock = threading.Lock()
    if _pipe is not None:
        with contextlib.suppress(OSError):
            os.close(_pipe)
    _pipe = None
    _shell = None


os.register_at_fork(after_in_child=_after_fork)
