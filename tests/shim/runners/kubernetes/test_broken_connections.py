"""Test that a worker gives up on a pod whose connections break again and again, and what a connection can carry."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from translator.shim.runners import RunnerError
from translator.shim.runners.kubernetes import agent, follow, frames, session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RUNNING = {
    "metadata": {"name": "p"},
    "spec": {},
    "status": {"phase": "Running", "containerStatuses": [{"name": "publish", "state": {"running": {}}}]},
}


class Answering:
    """A cluster that says of its pod what it is told to say."""

    def __init__(self, pod: dict[str, Any]) -> None:
        self.document = pod
        self.looks = 0

    def pod(self, _: str) -> dict[str, Any]:
        self.looks += 1
        return self.document


class Breaking:
    """A session whose agent ends after some frames."""

    complaint = "MemoryError"

    def __init__(self, items: list[tuple[bytes, bytes]]) -> None:
        self.items = items
        self.ended = False

    def send(self, frame: bytes) -> None:
        pass

    def close(self) -> None:
        pass

    def next(self, _: float) -> tuple[bytes, bytes] | None:
        if self.items:
            return self.items.pop(0)
        self.ended = True
        return None


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """Let time pass only while the follower waits: threads of other tests wait, too."""
    now = [0.0]
    passing = SimpleNamespace(monotonic=lambda: now[0], sleep=lambda seconds: now.__setitem__(0, now[0] + seconds))
    monkeypatch.setattr(follow, "time", passing)
    return now  # type: ignore[return-value]


def follower(cluster: Any, notes: list[str] | None = None) -> follow.Follower:
    sinks: dict[str, Callable[[bytes], None]] = {"output": lambda _: None, "errors": lambda _: None}
    return follow.Follower(cluster, "p", sinks, 300, (notes if notes is not None else []).append)


def connecting(monkeypatch: pytest.MonkeyPatch, items: Callable[[int], list[tuple[bytes, bytes]]]) -> list[int]:
    opened: list[int] = []

    def attend(*_: object) -> Breaking:
        opened.append(len(opened))
        return Breaking(items(len(opened)))

    monkeypatch.setattr(session, "attend", attend)
    monkeypatch.setattr(session, "hello", lambda *_: None)
    return opened


def test_a_collection_that_breaks_without_progress_ends(
    clock: list[float], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    opened = connecting(monkeypatch, lambda _: [(frames.DATA, b"x" * 100)])
    with pytest.raises(RunnerError, match=r"5 connections in turn broke.*MemoryError"):
        follower(Answering(RUNNING)).collect(tmp_path, direct=False, check=lambda: None)
    assert len(opened) == 6  # the first of them brought more than none


def test_a_collection_that_gets_further_continues(
    clock: list[float], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def items(number: int) -> list[tuple[bytes, bytes]]:
        # An archive without members is 10,240 zeros.
        parts = [(frames.DATA, bytes(512))] * min(number, 20)
        if number < 20:
            return parts
        sizes = frames.Parser().feed(frames.message(event="sizes", sizes={"a": 1}))
        done = frames.Parser().feed(frames.message(event="collected"))
        return [*parts, (frames.END, b""), *sizes, *done]

    opened = connecting(monkeypatch, items)
    answer = follower(Answering(RUNNING)).collect(tmp_path, direct=True, check=lambda: None)
    assert (len(opened), answer["sizes"]) == (20, {"a": 1})


def test_output_that_breaks_at_once_again_and_again_ends(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    opened = connecting(monkeypatch, lambda _: [])
    watched = follower(Answering(RUNNING))
    with pytest.raises(RunnerError, match="connections in turn broke"):
        for _ in range(1000):
            watched.step(1.0)
    assert len(opened) == 5


def test_a_pod_that_waits_is_looked_at_ever_more_rarely(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    message = "0/{} nodes are available: taint {{dedicated: image-training}}"
    pod: dict[str, Any] = {"metadata": {"name": "p"}, "spec": {}, "status": {"phase": "Pending"}}
    cluster = Answering(pod)
    notes: list[str] = []

    def check() -> None:
        text = message.format(int(clock[0]))
        pod["status"]["conditions"] = [{"type": "PodScheduled", "status": "False", "message": text}]

    with pytest.raises(RunnerError, match="did not start within 600 s: no node can run the pod"):
        follower(cluster, notes).stage(lambda _: None, (), check, 600)
    assert cluster.looks < 180
    assert 9 <= len(notes) <= 11


def test_long_lists_become_several_messages() -> None:
    files = [{"uri": f"s3://bucket/{number:0200}"} for number in range(60_000)]
    batches = list(frames.batches(files))
    assert [one for batch in batches for one in batch] == files
    for batch in batches:
        (frame,) = frames.Parser().feed(frames.message(do="fetch", files=batch))
        assert len(frame[1]) < 1 << 21


def test_four_hundred_linked_directories_are_collected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each contains a link to the next one."""
    (tmp_path / "outputs").mkdir()
    for number in range(400):
        folder = tmp_path / f"d{number}"
        folder.mkdir()
        (folder / "file").write_text("x")
        (folder / "next").symlink_to(tmp_path / f"d{number + 1}")
    (tmp_path / "outputs" / "first").symlink_to(tmp_path / "d0")
    monkeypatch.setenv("TRANSLATOR_HOME", str(tmp_path))
    frames_sent = answers(lambda attendance: attendance._collect(direct=False))
    assert frames_sent[-1] == {"event": "collected"}


def test_whatever_fails_in_the_pod_is_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent, "FILES", tmp_path)
    monkeypatch.delenv("TRANSLATOR_HOME", raising=False)
    request = b'{"do": "collect", "direct": false}'
    (answer,) = answers(lambda attendance: attendance._handle(frames.MESSAGE, request))
    assert (answer["event"], answer["text"]) == ("problem", "KeyError: 'TRANSLATOR_HOME'")


HOLDING = """\
import pathlib, sys, time
from translator.shim.runners.kubernetes import agent
agent.FILES = pathlib.Path(sys.argv[1])
agent.Attendance(0, 1)._take_turn()
print("holding", flush=True)
time.sleep(600)
"""


def test_a_new_connection_ends_the_one_that_is_still_at_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent, "FILES", tmp_path)
    monkeypatch.setenv("TRANSLATOR_HOME", str(tmp_path))
    command = [sys.executable, "-c", HOLDING, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as earlier:
        assert earlier.stdout is not None
        assert earlier.stdout.readline() == b"holding\n"
        request = b'{"do": "collect", "direct": false}'
        (*_, answer) = answers(lambda attendance: attendance._handle(frames.MESSAGE, request))
        assert answer == {"event": "collected"}
        assert earlier.wait() == -signal.SIGKILL


def answers(work: Callable[[agent.Attendance], None]) -> list[dict[str, Any]]:
    """Return the messages that an agent sends to a worker that sends nothing."""
    requests, sending = os.pipe()
    reading, writing = os.pipe()
    received: list[bytes] = []

    def read() -> None:
        with open(reading, "rb", buffering=0) as pipe:  # noqa: PTH123 - a descriptor
            while part := pipe.read(1 << 16):
                received.append(part)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        work(agent.Attendance(requests, writing, _pulse_at=float("inf")))
    finally:
        os.close(writing)
        thread.join()
        os.close(requests)
        os.close(sending)
    found = frames.Parser().feed(b"".join(received))
    return [cast("dict[str, Any]", follow._message(content)) for kind, content in found if kind == frames.MESSAGE]


def test_pipes_of_the_command_are_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent, "CONTROL", tmp_path)
    monkeypatch.setattr(agent, "FILES", tmp_path)
    (tmp_path / "log").mkdir()
    (tmp_path / "secret").write_text("hunter2")
    (tmp_path / "output").symlink_to(tmp_path / "secret")
    with pytest.raises(OSError, match="output"):
        agent._keep("output")
