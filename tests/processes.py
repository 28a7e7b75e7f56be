"""Find the processes that commands tell the tests of, also from inside a namespace of processes."""

from __future__ import annotations

from pathlib import Path

TELL = 'echo "$(readlink /proc/self/ns/pid) $$ $(cat /proc/$$/stat)"'
"""Prints, in a shell, what ``process_of`` reads: the namespace of the shell, its number there, and when it started.

The file that it is written to must not be in the project, which commands in a namespace cannot write to.
"""


def process_in(file: Path) -> int | None:
    """Return the number of the process that ``TELL`` has written to a file; None if it has not, or has ended."""
    told = file.read_text() if file.exists() else ""
    return process_of(told) if told.endswith("\n") else None


def process_of(told: str) -> int | None:
    """Return the number that a process has for the tests; None if it has ended."""
    namespace, number, status = told.split(maxsplit=2)
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            if str((entry / "ns" / "pid").readlink()) != namespace:
                continue
            fields = dict(line.split(":\t", 1) for line in (entry / "status").read_text().splitlines() if ":\t" in line)
            # The name of a namespace that has ended may be given to another, in which the numbers begin again.
            same = _started(status) == _started((entry / "stat").read_text())
        except OSError:
            continue
        if same and fields["NSpid"].split()[-1] == number and fields["State"][0] not in "ZX":
            return int(entry.name)
    return None


def _started(status: str) -> str:
    """Return when a process started, from its line ``/proc/PID/stat``, whose second field may hold anything."""
    return status.rpartition(") ")[2].split()[19]
