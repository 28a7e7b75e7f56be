"""End the commands of a worker that died (``kill -9``, out of memory).

PR_SET_PDEATHSIG would be tied to the thread that started the command, and engines run us in pool threads that end
earlier. So each worker process has, from its first command on, one tiny ``sh`` in its own session that reads a pipe of
which only the worker holds the other end. The worker tells it which process groups begin and end; when the pipe closes,
the worker is gone, and running processes are ended: TERM, three seconds, KILL. If that shell cannot be started,
commands of a killed worker run on.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading

from translator.shim.process.group import MARK

_SCRIPT = f"""
trap '' HUP INT TERM
live=
while read -r sign item; do
  case $sign in
    +) live="$live $item" ;;
    -) kept=; for one in $live; do [ "$one" = "$item" ] || kept="$kept $one"; done; live=$kept ;;
  esac
done
[ -n "$live" ] || exit 0
strike() {{
  for one in $live; do
    kill -s "$1" -- "-${{one%%:*}}"
    for file in $(grep -lsa "{MARK}=${{one#*:}}" /proc/[0-9]*/environ); do
      file=${{file#/proc/}}; kill -s "$1" "${{file%%/*}}"
    done
  done
}}
strike TERM; sleep 3; strike KILL
"""

_lock = threading.Lock()
_shell: subprocess.Popen[bytes] | None = None
_pipe: int | None = None


def begin(group: int, mark: str) -> None:
    """End the process group and processes with ``mark`` if this worker dies."""
    _tell("+", group, mark)


def done(group: int, mark: str) -> None:
    """Stop watching a process group that has ended."""
    _tell("-", group, mark)


def _tell(sign: str, group: int, mark: str) -> None:
    global _pipe  # noqa: PLW0603 - there is one watchdog per process
    with _lock:
        if _pipe is None and sign == "+":
            _start()
        if _pipe is None:
            return
        try:
            os.write(_pipe, f"{sign} {group}:{mark}\n".encode())
        except OSError:
            # The watchdog was killed; the next command starts another.
            os.close(_pipe)
            _pipe = None


def _start() -> None:
    global _pipe, _shell  # noqa: PLW0603 - there is one watchdog per process
    read, write = os.pipe()
    try:
        _shell = subprocess.Popen(
            ["/bin/sh", "-c", _SCRIPT],
            stdin=read,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
            env={"PATH": os.environ.get("PATH", os.defpath)},
        )
    except OSError:
        os.close(write)
        return
    finally:
        os.close(read)
    # The watchdog outlives this process by design, so do not wait for it.
    _shell.returncode = 0
    _pipe = write


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
