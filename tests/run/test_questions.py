"""Test how ``translate run`` asks for approvals: at a terminal, while other branches run."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest

from tests.parity.engines import python_of
from translator.run.questions import Questions

if TYPE_CHECKING:
    from pathlib import Path

pty = pytest.importorskip("pty")

TEXT = """\
- step: {name: measure, image: none, command: "echo '{\\"accuracy\\": 0.5}'"}
- step: {name: publish, image: none, command: "true"}
- pipeline:
    name: asks
    nodes:
      - {name: measure, type: execution, step: measure}
      - {name: publish, type: execution, step: publish, actions: [{when: node-starting, then: require-approval}]}
      - {name: beside, type: execution, step: publish}
    edges:
      - [measure.dependency.*, publish.dependency.*]
      - [measure.dependency.*, beside.dependency.*]
"""
SECONDS = 300


class Terminal:
    """A terminal with a program, and what it has shown so far."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self.shown = ""
        self._end, other = pty.openpty()
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120", "NO_COLOR": "1"}
        self.process = subprocess.Popen(
            command, cwd=folder, stdin=other, stdout=other, stderr=other, env=environment, start_new_session=True
        )
        os.close(other)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                part = os.read(self._end, 10_000)
            except OSError:  # how a terminal ends
                return
            self.shown += part.decode("utf-8", "replace")

    def wait_for(self, text: str) -> None:
        """Wait until the program has shown a text."""
        deadline = time.monotonic() + SECONDS
        while text not in self.shown:
            assert time.monotonic() < deadline and self._reader.is_alive(), self.shown
            time.sleep(0.05)

    def type(self, text: str) -> None:
        """Type a text."""
        os.write(self._end, text.encode())

    def wait(self) -> int:
        """Return the exit status of the program."""
        status = self.process.wait(SECONDS)
        self._reader.join(10)
        os.close(self._end)
        return status


@pytest.mark.parametrize(
    ("engine", "answer", "decision", "state"),
    [("prefect", "y", "approved", "complete"), ("airflow", "no", "rejected", "stopped")],
    ids=["prefect", "airflow"],
)
def test_the_person_at_the_terminal_decides(
    engine: str, answer: str, decision: str, state: str, tmp_path: Path
) -> None:
    if not python_of(engine).exists():
        pytest.skip(f"no environment with {engine}")
    (tmp_path / "valohai.yaml").write_text(TEXT)
    command = [str(python_of(engine).parent / "translate"), "run", "valohai.yaml", "-t", engine, "--store", "store"]
    terminal = Terminal(command, tmp_path)
    terminal.wait_for("Approve? [y/n]")
    assert "Start publish?" in terminal.shown
    assert "accuracy = 0.5" in terminal.shown
    while not list(tmp_path.glob("store/asks/*/beside/0/try-1/manifest.json")):
        assert terminal.process.poll() is None, terminal.shown
        time.sleep(0.1)
    terminal.type("perhaps\n")
    terminal.wait_for("perhaps\r\nApprove? [y/n]")
    terminal.type(f"{answer}\n")
    assert terminal.wait() == 0, terminal.shown
    (file,) = tmp_path.glob("store/asks/*/run.json")
    document = json.loads(file.read_text())
    assert document["state"] == state
    assert document["nodes"]["beside"]["state"] == "complete"
    (effect,) = document["nodes"]["publish"]["actions"]
    assert effect["decision"] == decision
    assert effect["by"]


def test_an_answer_stays_in_its_directory(tmp_path: Path) -> None:
    class View:
        making_room = nullcontext

    questions = Questions(tmp_path / "answers", View())  # type: ignore[arg-type]  # the rest is not used
    questions.take({"event": "approval-required", "answer": "../elsewhere"})
    assert questions._open.empty()
