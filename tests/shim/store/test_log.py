"""Test the log of a try beside its manifest: what it contains, when, and how much."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from translator.shim.contract import Step
from translator.shim.store import LOG, try_key
from translator.shim.store import log as logs
from translator.shim.store.log import Log


def text_of(worker, manifest) -> str:
    return worker.store.read(try_key(manifest.id, LOG)).decode()


@pytest.mark.parametrize("uri", [None, "memory://logs"])
def test_the_log_holds_what_was_printed_and_our_notes(worker, uri) -> None:
    worker.uri = uri or worker.uri
    manifest = worker.run(Step("s", ["echo out; sleep 0.1; echo err >&2", "printf 'no end'; exit 3"], image="i"))
    assert text_of(worker, manifest).splitlines() == worker.log
    assert "out\nerr\nno end\n[shim] error: the command ended with exit status 3" in text_of(worker, manifest)


def test_the_log_exists_while_the_command_runs(worker) -> None:
    """It reads its own log, which a line may reach a moment later than the pipe."""
    worker.script("look.sh", """
        echo first
        for _ in $(seq 200); do grep -qs '^first$' "$1"/*/*/train/0/try-1/log.txt && echo seen && exit; sleep 0.02; done
        exit 1
    """)  # fmt: skip
    assert worker.run(f"sh look.sh '{worker.uri}'").state == "complete"
    assert worker.output == ["first", "seen"]


def test_a_killed_worker_leaves_its_log(worker, tmp_path: Path) -> None:
    program = tmp_path / "worker.py"
    program.write_text(
        textwrap.dedent("""
        import sys
        from pathlib import Path
        from translator.shim.contract import Context, ExecutionId, Step
        from translator.shim.execution import execute
        context = Context(ExecutionId("p", "r", "n"), sys.argv[1], Path(sys.argv[2]), "prefect", lambda line: None)
        execute(Step("s", ["echo begun; touch begun; sleep 300"]), context)
    """)
    )
    process = subprocess.Popen([sys.executable, str(program), worker.uri, str(worker.project)])
    log = Path(worker.uri) / "p" / "r" / "n" / "0" / "try-1" / LOG
    while not log.exists() or not log.read_text():
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert log.read_text() == "begun\n"


def test_of_a_long_log_the_beginning_and_the_end_are_kept(worker, monkeypatch) -> None:
    monkeypatch.setattr(logs, "HEAD", 10_000)
    monkeypatch.setattr(logs, "TAIL", 10_000)
    manifest = worker.run("seq -w 1 99999")
    text = text_of(worker, manifest)
    lines = text.splitlines()
    assert len(text) <= 30_000 + 20_000  # what one chunk may add
    (where,) = [number for number, line in enumerate(lines) if line.startswith("[shim] ")]
    head, tail = lines[:where], lines[where + 1 :]
    assert head == [f"{number:05}" for number in range(1, len(head) + 1)]
    assert tail == [f"{number:05}" for number in range(100_000 - len(tail), 100_000)]
    assert len(head) * 6 > 9_000
    assert len(tail) * 6 >= 9_000
    left_out = (99_999 - len(head) - len(tail)) * 6
    assert lines[where] == f"[shim] {left_out} bytes of the log omitted"


@pytest.mark.parametrize("how", ["directory", "full"])
def test_a_log_that_cannot_be_written_ends_no_command(worker, how, monkeypatch) -> None:
    def open_full(path, flags, *more, **options) -> int:
        return real("/dev/full", os.O_RDWR) if str(path).endswith(LOG) else real(path, flags, *more, **options)

    real = os.open
    if how == "full":
        monkeypatch.setattr(os, "open", open_full)
    else:
        folder = Path(worker.uri) / try_key(worker.context().id)
        monkeypatch.setattr(type(worker.store), "begin", _occupied(type(worker.store).begin, folder))
    manifest = worker.run("echo on > /valohai/outputs/a; echo on")
    assert manifest.state == "complete"
    assert worker.output == ["on"]
    assert "warning: cannot write the log of this attempt to the store: " in worker.notes


def _occupied(begin, folder: Path):
    def occupied(self, *arguments) -> None:
        begin(self, *arguments)
        (folder / LOG).mkdir()

    return occupied


def test_a_log_in_an_object_store_is_renewed_while_the_command_runs(worker, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(logs, "EVERY", 0.05)
    worker.uri = "memory://renewed"
    seen: list[bytes] = []

    def look() -> None:
        with contextlib.suppress(FileNotFoundError):
            seen.append(worker.store.read(try_key(worker.context().id, LOG)))
            # Not in the project, of which the command may have a copy.
            (tmp_path / "seen").touch()

    worker.should_stop = look
    waits = f"for _ in $(seq 1200); do sleep 0.1; test ! -e '{tmp_path}/seen' || {{ echo late; exit; }}; done; exit 1"
    manifest = worker.run(f"echo early; {waits}")
    assert manifest.state == "complete"
    assert seen[0] == b"early\n"
    assert text_of(worker, manifest) == "early\nlate\n"


def test_an_upload_that_hangs_does_not_block_the_execution(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(logs, "PATIENCE", 0.3)
    log = Log(os.open(tmp_path / "log", os.O_RDWR | os.O_CREAT), lambda _: time.sleep(600))
    log.add("line")
    log.close()
    assert (tmp_path / "log").read_text() == "line\n"
