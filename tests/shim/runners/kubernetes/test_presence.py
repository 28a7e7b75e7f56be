"""Test that a pod knows whether a worker is there, on a busy machine and with a slow or lost worker as well."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from translator.shim.runners.kubernetes import agent, frames

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PULSE = frames.framed(frames.PULSE)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the agent use directories of the test."""
    monkeypatch.setattr(agent, "FILES", tmp_path)
    monkeypatch.setattr(agent, "CONTROL", tmp_path)
    monkeypatch.setattr(agent, "_LATER_LOOK", 0.05)
    return tmp_path


class Connection:
    """The worker's ends of a connection, and the agent that has the others."""

    def __init__(self) -> None:
        requests, self.requests = os.pipe()
        self.answers, answers = os.pipe()
        self.attendance = agent.Attendance(requests, answers)

    def send(self, frame: bytes) -> None:
        os.write(self.requests, frame)

    def hang_up(self) -> None:
        os.close(self.requests)
        self.requests = -1

    def close(self) -> None:
        for handle in (self.requests, self.answers, self.attendance.requests, self.attendance.answers):
            if handle >= 0:
                os.close(handle)


@pytest.fixture
def connection(files: Path) -> Iterator[Connection]:
    made = Connection()
    yield made
    made.close()


def test_signs_of_life_count_during_a_transfer(
    connection: Connection, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transfer may take longer than the pod waits for a worker."""
    seen: list[bool] = []

    class Slow:
        def bring(self, _record: object, _target: object, pulse: Callable[[], None]) -> None:
            for _ in range(3):
                (files / "seen").unlink(missing_ok=True)
                connection.send(PULSE)
                pulse()
                seen.append((files / "seen").exists())

    monkeypatch.setattr(agent, "_store", lambda _: Slow())
    record = {"path": "x", "size": 1, "sha256": "0", "uri": "s3://bucket/x", "place": "inputs/x"}
    connection.attendance._fetch({"access": {}, "files": [record]})
    assert seen == [True, True, True]


def test_signs_of_life_count_while_the_worker_is_too_busy_to_take_answers(connection: Connection, files: Path) -> None:
    output = b"x" * (1 << 20)
    thread = threading.Thread(target=connection.attendance._answer, args=[output])
    thread.start()
    waited(lambda: select_is_full(connection.attendance.answers))
    for _ in range(3):
        (files / "seen").unlink(missing_ok=True)
        connection.send(PULSE)
        waited((files / "seen").exists)
    received = 0
    while received < len(output):
        received += len(os.read(connection.answers, 1 << 16))
    thread.join()


@pytest.mark.parametrize("silent", [True, False])
def test_work_for_a_worker_that_is_gone_ends(connection: Connection, silent: bool) -> None:
    """Whether its connection was closed, or nothing comes over it any more."""
    if silent:
        connection.attendance._heard_at = time.monotonic() - agent._SILENCE
    else:
        connection.hang_up()
    with pytest.raises(BrokenPipeError):
        connection.attendance._answer(b"x" * (1 << 20))
    with pytest.raises(BrokenPipeError):
        connection.attendance._connected()


def test_an_agent_ends_whose_worker_lost_its_power(connection: Connection) -> None:
    connection.attendance._heard_at = time.monotonic() - agent._SILENCE
    connection.attendance.run()


def test_a_clock_that_is_set_ends_no_pod(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(agent.time, "monotonic", lambda: now[0])
    presence = agent.Presence(300.0)
    for mark in (2_000_000_000, 1_000_000_000, 0, 1_500_000_000):
        (files / "seen").touch()
        os.utime(files / "seen", (mark, mark))
        assert not presence.is_lost()
        now[0] += 299.0
        assert not presence.is_lost()
    now[0] += 2.0
    assert presence.is_lost()


def test_a_pod_that_no_worker_ever_reached_is_lost(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(agent.time, "monotonic", lambda: now[0])
    presence = agent.Presence(300.0)
    assert not presence.is_lost()
    now[0] += 301.0
    assert presence.is_lost()


def select_is_full(handle: int) -> bool:
    import select

    return not select.select([], [handle], [], 0)[1]


def waited(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)
