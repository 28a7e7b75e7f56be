"""End what ``translate run`` has started even if it is killed itself (``kill -9``, out of memory), and clean up.

A tiny ``sh`` in its own session reads a pipe of which only this process holds the other end. When the pipe closes
without a last word, it asks the engine to cancel the run as Ctrl-C does, ends it the hard way if that takes too long,
and removes the run's temporary directory. Directories that even so were left behind are removed by the next run.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from translator.shim.workspace import abandoned, hold, remove

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFIX = "translate-run-"
GRACE = 60
"""The seconds that an engine has to end its run after SIGINT: on a busy machine, it needs them for its record."""
INSISTING = 15
"""The seconds that it has after SIGTERM, if it did not obey SIGINT."""
_NAME = re.compile(re.escape(PREFIX) + r"[A-Za-z0-9_]+")

_SCRIPT = """
trap '' HUP INT TERM
folder=$1 engine=
while read -r word; do
  case $word in
    done) exit 0 ;;
    *) engine=$word ;;
  esac
done
if [ -n "$engine" ]; then
  for sign in "INT $2" "TERM $3"; do
    kill -s "${sign% *}" "$engine" || break
    left=${sign#* }
    while [ "$left" -gt 0 ] && kill -s 0 "$engine"; do sleep 1; left=$((left - 1)); done
  done
  kill -s KILL -- "-$engine"
fi
rm -rf -- "$folder"
"""


class Guard:
    """A shell that ends the engine after this process has died."""

    def __init__(self, folder: Path) -> None:
        """Start the shell; if it cannot be started, nothing is guarded.

        Args:
            folder: the directory that it removes.
        """
        read, write = os.pipe()
        try:
            self._shell: subprocess.Popen[bytes] | None = subprocess.Popen(
                ["/bin/sh", "-c", _SCRIPT, "guard", str(folder), str(GRACE), str(INSISTING)],
                stdin=read,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                cwd="/",
            )
        except OSError:
            self._shell = None
        finally:
            os.close(read)
        self._pipe = write

    def watch(self, engine: int) -> None:
        """Watch the engine, the first process of its group, and end it if this process dies."""
        self._say(str(engine))

    def release(self) -> None:
        """End the guard without ending anything else."""
        self._say("done")
        os.close(self._pipe)
        if self._shell is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._shell.wait(5)

    def _say(self, word: str) -> None:
        with contextlib.suppress(OSError):
            os.write(self._pipe, f"{word}\n".encode())


@contextlib.contextmanager
def guarded() -> Iterator[tuple[Path, Guard]]:
    """Create the temporary directory of a run, with a guard; remove both at the end."""
    _sweep()
    with tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        lock = hold(folder)
        guard = Guard(folder)
        try:
            yield folder, guard
        finally:
            guard.release()
            if lock is not None:
                os.close(lock)


def _sweep() -> None:
    """Remove the directories of runs that were killed together with their guard."""
    with contextlib.suppress(OSError):
        for folder in abandoned(tempfile.gettempdir(), _NAME):
            with contextlib.suppress(OSError):
                remove(folder)
