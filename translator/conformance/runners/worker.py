"""Run steps of Valohai with the runner that is checked, as a worker of an engine does."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from translator.shim.contract import Context, ExecutionId, Step
from translator.shim.execution import execute
from translator.shim.execution.state import NOTE

if TYPE_CHECKING:
    from collections.abc import Callable

    from translator.shim.contract import Manifest, Runner

WITHIN = 240.0
"""The seconds in which what is to end must have ended, on a slow machine as well."""
_numbers = itertools.count(int.from_bytes(os.urandom(3)))
_PROGRAM = """
import json, sys
from pathlib import Path
from translator.shim.contract import Context, ExecutionId, Runner, Step
from translator.shim.execution import execute

uri, project, command, name, settings, image = json.loads(sys.argv[1])
{preparation}
context = Context(ExecutionId("conformance", "run", "node"), uri, Path(project), "prefect", print)
execute(Step("step", [command], runner=Runner(name, settings) if name else None, image=image), context)
"""


@dataclass(frozen=True, slots=True)
class Subject:
    """A runner, and what its steps need.

    Args:
        runner: the runner with its settings; None is the default runner.
        image: the image of the steps, if they need one.
        isolated: whether its commands cannot write to the files of the worker, nor hide processes from the runner.
        preparation: Python code that a process of a worker executes first.
    """

    runner: Runner | None
    image: str | None = None
    isolated: bool = True
    preparation: str = ""


@dataclass(frozen=True, slots=True)
class Ran:
    """An execution that has ended: its manifest, and what was logged."""

    manifest: Manifest
    log: list[str]

    @property
    def complete(self) -> bool:
        """Whether the execution is complete."""
        return self.manifest.state == "complete"

    @property
    def output(self) -> list[str]:
        """The lines of the command."""
        return [line for line in self.log if not line.startswith(NOTE)]

    @property
    def outputs(self) -> list[str]:
        """The paths of the published files."""
        return [file.path for file in self.manifest.outputs]

    def __str__(self) -> str:
        ending = (
            f"it is {self.manifest.state}, exit status {self.manifest.exit_status}, with the outputs {self.outputs}"
        )
        reason = f" ({self.manifest.reason})" if self.manifest.reason else ""
        return f"{ending}{reason}; the log: {self.log}"


@dataclass(slots=True)
class Worker:
    """A worker with its own project and store.

    Args:
        folder: an empty directory.
        subject: the runner.
    """

    folder: Path
    subject: Subject
    project: Path = field(init=False)
    store: Path = field(init=False)
    _count: int = 0

    def __post_init__(self) -> None:
        self.project, self.store = self.folder / "project", self.folder / "store"
        self.project.mkdir()

    def file(self, name: str, text: str) -> None:
        """Write a file of the project."""
        path = self.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")

    def many(self) -> None:
        """Make the project a large one."""
        for number in range(300):
            self.file(f"many/{number}", "x")

    def run(self, *commands: str, stop: Callable[[list[str]], str | None] = lambda _: None, **fields: Any) -> Ran:
        """Run the commands of a step as one execution.

        Args:
            commands: the commands.
            stop: is asked with the log, and returns why the execution must stop.
            fields: of the step.
        """
        log: list[str] = []
        self._count += 1
        identity = ExecutionId("conformance", "run", f"node {self._count}")
        context = Context(identity, str(self.store), self.project, "prefect", log.append, lambda: stop(log))
        step = {"runner": self.subject.runner, "image": self.subject.image, **fields}
        return Ran(execute(Step("step", commands, **step), context), log)

    def start(self, command: str) -> subprocess.Popen[bytes]:
        """Start a process of a worker that runs a command."""
        runner, image = self.subject.runner, self.subject.image
        name, settings = (runner.name, dict(runner.settings)) if runner is not None else ("", {})
        arguments = json.dumps([str(self.store), str(self.project), command, name, settings, image])
        program = _PROGRAM.format(preparation=self.subject.preparation)
        return subprocess.Popen([sys.executable, "-c", program, arguments], stdout=subprocess.DEVNULL)

    def leftovers(self) -> list[str]:
        """List what executions have left on the worker, apart from their artifacts."""
        here = self.store / ".work"
        return sorted(path.name for path in here.iterdir()) if here.is_dir() else []


class Sleeper:
    """A command that sleeps, and can be told from all others on this machine."""

    def __init__(self) -> None:
        self.seconds = f"600.{next(_numbers)}"
        self.command = f"sleep {self.seconds}"

    def running(self) -> list[int]:
        """Return the ids of the processes that run it."""
        return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal() and self._is_in(entry)]

    def _is_in(self, entry: Path) -> bool:
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return False
        return words[:2] == [b"sleep", self.seconds.encode()] and state not in {"Z", "X"}


def waited(condition: Callable[[], bool]) -> bool:
    """Wait until a condition holds; return whether it does in time."""
    deadline = time.monotonic() + WITHIN
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
