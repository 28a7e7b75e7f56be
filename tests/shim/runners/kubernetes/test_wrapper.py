"""Test the wrapper around a command in a pod, as the first process of a namespace, without a cluster."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from typing import TYPE_CHECKING

import pytest

from translator.shim.runners.kubernetes.pod_place import _WRAPPER

if TYPE_CHECKING:
    from pathlib import Path

TICKS = 10
"""For so many ticks, the command's background process is busy after TERM: longer than the wrapper waits before TERM."""
# In the background until it has a line: the image has no program that waits.
COMMAND = """
(trap 'read -r _ <"$control/late"; echo late; exit' TERM; echo ready >"$control/ready"; while :; do :; done) &
while ! [ -e "$control/ready" ]; do :; done
"""


def test_an_image_without_sleep_has_the_whole_grace(tmp_path: Path) -> None:
    """The next wait may begin before the writer of a tick has closed the pipe, as happens on a busy machine."""
    for name in ("orders", "release", "ticks", "late"):
        os.mkfifo(tmp_path / name)
    (tmp_path / "run").write_text(COMMAND)
    (tmp_path / "output").touch()
    (tmp_path / "errors").touch()
    ended = threading.Event()

    def tick() -> None:
        for number in range(1000):
            if not written(tmp_path / "ticks", ended, keep=0.05):
                return
            if number == TICKS:
                written(tmp_path / "late", ended)

    thread = threading.Thread(target=tick)
    thread.start()
    process = subprocess.Popen(
        ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "/bin/sh", str(_WRAPPER), str(tmp_path)],
        env={"PATH": "/nowhere"},
        executable=_unshare(),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        released = written(tmp_path / "release", ended, process=process)
        _, problem = process.communicate(timeout=60)
    finally:
        ended.set()
        process.kill()
        process.wait()
        thread.join()
    if "unshare" in problem:
        pytest.skip(f"this machine allows no namespace of processes: {problem}")
    assert released, problem
    assert ((tmp_path / "status").read_text(), (tmp_path / "output").read_text()) == ("0\n", "late\n")


def _unshare() -> str:
    import shutil

    return shutil.which("unshare") or pytest.skip("unshare is not installed")


def written(
    pipe: Path, ended: threading.Event, *, keep: float = 0.0, process: subprocess.Popen[str] | None = None
) -> bool:
    """Write a line to a pipe as soon as somebody reads it, and keep it open for some seconds; return whether it was."""
    deadline = time.monotonic() + 120
    while not ended.is_set() and time.monotonic() < deadline and (process is None or process.poll() is None):
        with contextlib.suppress(OSError):
            handle = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
            os.write(handle, b"go\n")
            time.sleep(keep)
            os.close(handle)
            return True
        time.sleep(0.02)
    return False
