"""End what a worker has started when the worker dies (``kill -9``, out of memory).

PR_SET_PDEATHSIG would be tied to the thread that started the command, and engines run us in pool threads that end
earlier. So each worker process has, from its first command on, one tiny ``sh`` in its own session that reads a pipe of
which only the worker holds the other end. The worker tells it what begins and ends; when the pipe closes, the worker is
gone, and what is left is ended. If that shell cannot be started, commands of a killed worker run on.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
from typing import TYPE_CHECKING

from translator.shim.process.group import MARK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_LISTEN = """
trap '' HUP INT TERM
live=
while read -r sign item; do
  case $sign in
    +) live="$live $item" ;;
    -) kept=; for one in $live; do [ "$one" = "$item" ] || kept="$kept $one"; done; live=$kept ;;
  esac
done
[ -n "$live" ] || exit 0
"""
_STRIKE = f"""
strike() {{
  for one in $live; do
    case $one in *:*) kill -s "$1" -- "-${{one%%:*}}" ;; esac
    for file in $(grep -lsa "{MARK}=${{one#*:}}" /proc/[0-9]*/environ); do
      file=${{file#/proc/}}; kill -s "$1" "${{file%%/*}}"
    done
  done
}}
strike TERM; sleep 3; strike KILL
"""


def _nothing() -> Sequence[str]:
    return ()


class Watchdog:
    """The shell that watches this worker, for one kind of thing that the worker starts."""

    def __init__(
        self, strike: str, arguments: Callable[[], Sequence[str]] = _nothing, variables: Sequence[str] = ()
    ) -> None:
        """Start nothing yet.

        Args:
            strike: the end of the shell's script: it ends what ``$live`` lists.
            arguments: returns the arguments of the script.
            variables: names of the environment variables that it needs besides ``PATH``.
        """
        self._script = _LISTEN + strike
        self._arguments = arguments
        self._variables = variables
        self._lock = threading.Lock()
        self._pipe: int | None = None
        self.shell: subprocess.Popen[bytes] | None = None
        """The shell, once it has been started."""
        os.register_at_fork(after_in_child=self._after_fork)

    def begin(self, item: str) -> None:
        """End what ``item`` names, a word without white space, if this worker dies."""
        self._tell("+", item)

    def forget(self, item: str) -> None:
        """Stop watching what has ended."""
        self._tell("-", item)

    def _tell(self, sign: str, item: str) -> None:
        with self._lock:
            if self._pipe is None and sign == "+":
                self._start()
            if self._pipe is None:
                return
            try:
                os.write(self._pipe, f"{sign} {item}\n".encode())
            except OSError:
                # The shell was killed; what begins next starts another.
                os.close(self._pipe)
                self._pipe = None

    def _start(self) -> None:
        read, write = os.pipe()
        kept = {name: os.environ[name] for name in self._variables if name in os.environ}
        try:
            self.shell = subprocess.Popen(
                ["/bin/sh", "-c", self._script, "sh", *self._arguments()],
                stdin=read,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                cwd="/",
                env={**kept, "PATH": os.environ.get("PATH", os.defpath)},
            )
        except OSError:
            os.close(write)
            return
        finally:
            os.close(read)
        # The shell outlives this process by design, so do not wait for it.
        self.shell.returncode = 0
        self._pipe = write

    def _after_fork(self) -> None:
        """Close the pipe in a forked child, which must not hide the parent's end."""
        self._lock = threading.Lock()
        if self._pipe is not None:
            with contextlib.suppress(OSError):
                os.close(self._pipe)
        self._pipe = self.shell = None


_processes = Watchdog(_STRIKE)


@contextlib.contextmanager
def watched(mark: str) -> Iterator[Callable[[int], None]]:
    """End the processes with ``mark`` if this worker dies meanwhile: TERM, three seconds, KILL.

    Enter it before the command starts: a worker may die before it knows the command's process. The yielded function
    takes the process group once there is one.
    """
    item = mark

    def started(group: int) -> None:
        nonlocal item
        before, item = item, f"{group}:{mark}"
        _processes.begin(item)
        _processes.forget(before)

    _processes.begin(item)
    try:
        yield started
    finally:
        _processes.forget(item)
