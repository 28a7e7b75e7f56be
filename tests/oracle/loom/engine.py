"""Run projects in the real Loom, in its own process and environment, and read the results."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROOT = Path(__file__).parents[3]
ABORTED = 255


def python_of_loom() -> Path:
    """Return the interpreter of the environment with Loom."""
    return Path(os.environ.get("TRANSLATOR_LOOM_PYTHON", ROOT / ".venv" / "loom" / "bin" / "python"))


@dataclass(frozen=True)
class Told:
    """What Loom says of a run: its exit status, and of each step that it has come to ``complete``, ``error`` or
    ``skipped``. ``conditions`` are the verdicts (of a ``multi_pass`` by the name that a node has here), ``commands``
    what it ran, with the exit status.
    """

    status: int
    steps: Mapping[str, str]
    conditions: Mapping[str, bool]
    commands: Sequence[tuple[Sequence[str], int]]

    @property
    def aborted(self) -> bool:
        """Whether Loom crashed with a traceback."""
        return self.status == ABORTED


@dataclass
class Loom:
    """A process that runs files; each run is a fork of it."""

    process: subprocess.Popen[str]
    log: Path

    def run(self, file: Path, arguments: Sequence[str] = (), environment: Mapping[str, str] | None = None) -> Told:
        """Run a file in its directory, with arguments of Loom's command line."""
        request = {
            "folder": str(file.parent),
            "file": file.name,
            "arguments": list(arguments),
            "environment": dict(environment or {}),
        }
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        reply = self.process.stdout.readline()
        assert reply, f"Loom's process died:\n{self.tail()}"
        told: dict[str, Any] = json.loads(reply)
        skipped = told.get("skipped", ())
        states = {True: "complete", False: "error"}
        verdicts = dict(told.get("conditions", {}))
        for group, stops in told.get("stops", {}).items():
            verdicts |= {f"{group}_stop_iter{i}": stop for i, stop in enumerate(stops)}
        return Told(
            told["status"],
            {n: "skipped" if n in skipped else states[fine] for n, fine in told.get("results", {}).items()},
            verdicts,
            [(tuple(command), status) for command, status in told.get("commands", ())],
        )

    def tail(self, size: int = 3000) -> str:
        """Return the end of what Loom and the steps have printed."""
        return self.log.read_text(errors="replace")[-size:]


@contextmanager
def started_loom(folder: Path) -> Iterator[Loom]:
    """Start Loom's process, with its log below ``folder``."""
    log = folder / "loom.log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [str(python_of_loom()), str(Path(__file__).with_name("worker.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=folder,
        )
    try:
        yield Loom(process, log)
    finally:
        assert process.stdin
        process.stdin.close()
        process.wait(60)
