"""Test the limit of executions that run at once in a process."""

from __future__ import annotations

import threading
import time

import pytest

from translator.shim.embedded import slots


@pytest.mark.parametrize(("jobs", "expected"), [(1, 1), (3, 3)])
def test_as_many_run_at_once_as_the_limit_says(monkeypatch: pytest.MonkeyPatch, jobs: int, expected: int) -> None:
    monkeypatch.setattr(slots._Slots, "free", None)
    slots.limit(jobs)
    together = threading.Semaphore(0)
    running: list[int] = []
    most: list[int] = []

    def run() -> None:
        with slots.slot():
            running.append(1)
            most.append(len(running))
            together.acquire()
            running.pop()

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for ended in range(6):
        while len(most) < min(6, ended + expected):
            time.sleep(0.001)
        together.release()
    for thread in threads:
        thread.join()
    assert max(most) == expected


def test_without_a_limit_all_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots._Slots, "free", None)
    with slots.slot(), slots.slot():
        pass
