"""Run the real Magnus and runnable, each in its own process and environment, and read their run logs."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parents[2]
ENGINES = ("magnus", "runnable")
CONFIGURATIONS = {
    "magnus": "run_log_store: {type: file-system}\ncatalog: {type: file-system}\n",
    "runnable": "run-log-store: {type: file-system}\ncatalog: {type: file-system}\n",
}
_numbers = itertools.count(1)


def python_of(engine: str) -> Path:
    """Return the interpreter of the environment with the engine."""
    return Path(os.environ.get(f"TRANSLATOR_{engine.upper()}_PYTHON", ROOT / ".venv" / engine / "bin" / "python"))


@dataclass(frozen=True)
class Log:
    """What the engine made of a run; statuses (``SUCCESS``, ``FAIL``) by path, of steps and of branches."""

    status: str
    steps: Mapping[str, str]
    parameters: Mapping[str, Any]
    exit: int


@dataclass
class Engine:
    """A process that runs files."""

    name: str
    process: subprocess.Popen[str]
    log: Path

    def run(self, file: Path, parameters: Mapping[str, Any] | None = None) -> Log:
        """Run a file in its directory."""
        folder, number = file.parent, next(_numbers)
        (folder / "engine-config.yaml").write_text(CONFIGURATIONS[self.name])
        given = folder / "engine-parameters.yaml"
        given.write_text(json.dumps(parameters or {}))
        request = {
            "folder": str(folder),
            "file": file.name,
            "configuration": "engine-config.yaml",
            "parameters": given.name if parameters else "",
            "run": f"run-{number}",
            "environment": {},
        }
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        reply = self.process.stdout.readline()
        assert reply, f"the process of {self.name} died:\n{self.log.read_text(errors='replace')[-4000:]}"
        document = json.loads(reply)
        log = document["log"]
        if log is None:
            return Log("INVALID", {}, {}, document["status"])
        of = log.get("parameters") or {}
        values = {
            name: value["value"] if isinstance(value, dict) and "kind" in value else value for name, value in of.items()
        }
        return Log(log["status"], dict(_statuses(log["steps"])), values, document["status"])


def _statuses(steps: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for step in steps.values():
        if step["step_type"] in {"success", "fail"}:
            continue
        yield step["internal_name"], step["status"]
        for branch in (step.get("branches") or {}).values():
            yield branch["internal_name"], branch["status"]
            yield from _statuses(branch["steps"])


@contextmanager
def started(name: str, folder: Path) -> Iterator[Engine]:
    """Start an engine's process."""
    log = folder / f"{name}.log"
    worker = [str(python_of(name)), str(Path(__file__).with_name("worker.py")), name]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MAGNUS", "RUNNABLE"))}
    with log.open("w") as errors:
        process = subprocess.Popen(
            worker, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=folder, env=environment
        )
    try:
        yield Engine(name, process, log)
    finally:
        assert process.stdin
        process.stdin.close()
        process.wait(60)
