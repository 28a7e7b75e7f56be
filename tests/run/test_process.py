"""Test that the process of an engine ends with ``translate run``, whenever that is ended."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

STARTED = """
import os, signal, sys
from pathlib import Path
from translator.run import process

class Guard:
    def watch(self, engine):
        Path("engine").write_text(str(engine))
        os.kill(os.getpid(), signal.{signal})

process.run(["/bin/sh", "-c", "echo > began; exec sleep 300"], {{}}, None, Guard())
"""


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM])
def test_a_signal_while_the_engine_starts(tmp_path: Path, sent: signal.Signals) -> None:
    """Nothing has begun before somebody is left to end it."""
    ended = subprocess.run([sys.executable, "-c", STARTED.format(signal=sent.name)], cwd=tmp_path, check=False)
    assert ended.returncode == (-sent if sent is signal.SIGKILL else 0)
    engine = int((tmp_path / "engine").read_text())
    wait_until(lambda: not Path(f"/proc/{engine}").exists() or "\nState:\tZ" in _status(engine))
    assert not (tmp_path / "began").exists()


BACKGROUND = """
import os, signal, sys, threading, time
from pathlib import Path
from translator.run import process

ENGINE = "trap 'echo INT > got; exit 3' INT; trap 'echo TERM > got; exit 3' TERM; echo > began; n=0; " \\
    "while [ $n -lt {steps} ]; do sleep 0.1; n=$((n + 1)); done"

class Guard:
    def watch(self, engine):
        threading.Thread(target=send, daemon=True).start()

def send():
    while not Path("began").exists():
        time.sleep(0.05)
    os.kill(os.getpid(), signal.{signal})

signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGHUP, signal.SIG_IGN)
ended = process.run(["/bin/sh", "-c", ENGINE], {{}}, None, Guard())
print(ended.status, ended.interruption)
"""


@pytest.mark.parametrize(
    ("sent", "steps", "printed", "got"),
    [(signal.SIGTERM, 3000, "3 SIGTERM stopped the run", "INT"), (signal.SIGHUP, 10, "0", None)],
)
def test_a_background_job(tmp_path: Path, sent: signal.Signals, steps: int, printed: str, got: str | None) -> None:
    """Shells let such jobs ignore SIGINT, and nohup SIGHUP: the engine obeys all the same, and its caller does not."""
    script = BACKGROUND.format(signal=sent.name, steps=steps)
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == printed
    assert ((tmp_path / "got").read_text().strip() if (tmp_path / "got").exists() else None) == got


STOPPED = """
import sys, threading, time
from pathlib import Path
from translator.run import process

class Guard:
    def watch(self, engine):
        pass

stop = process.Stop()
ended = []
command = ["/bin/sh", "-c", "{traps} echo > began; while :; do sleep 0.1; done"]
thread = threading.Thread(target=lambda: ended.append(process.run(command, {{}}, None, Guard(), stop)))
thread.start()
while not Path("began").exists():
    time.sleep(0.05)
for _ in range({times}):
    stop.ask("")
thread.join()
print(ended[0].status, ended[0].interruption)
"""


@pytest.mark.parametrize(
    ("traps", "times", "printed"),
    [
        ("trap 'exit 3' INT;", 1, "3 you stopped the run"),
        ("trap '' INT TERM;", 2, "-9 you stopped the run"),  # the second time, nobody waits a minute for it
    ],
)
def test_engines_that_other_threads_wait_for(tmp_path: Path, traps: str, times: int, printed: str) -> None:
    """Only the main thread gets signals."""
    script = STOPPED.format(traps=traps, times=times)
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == printed


def _status(process: int) -> str:
    try:
        return Path(f"/proc/{process}/status").read_text()
    except OSError:
        return "\nState:\tZ"


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "the engine runs on"
        time.sleep(0.05)
