"""Test the events that the starter of a run can follow."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import replace

import pytest

from translator.shim.contract import Parameter, Step
from translator.shim.embedded import events
from translator.shim.execution import KILLED, OUT_OF_TIME, execute


def test_events_follow_an_execution(worker, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv(events.VARIABLE, str(tmp_path / "events"))
    step = Step("s", ["exit 3"], parameters=[Parameter("lr", "float", 1.0), Parameter("other")])
    worker.run(step, kind="task", index=2, parameters={"lr": 0.5})
    started, ended = (json.loads(line) for line in (tmp_path / "events").read_text().splitlines())
    assert started.pop("time").endswith("Z")
    assert ended.pop("time").endswith("Z")
    assert started == {
        "event": "execution-started", "node": "train", "index": 2, "label": "lr=0.5", "process": os.getpid(),
    }  # fmt: skip
    assert ended == {
        "event": "execution-ended", "node": "train", "index": 2, "label": "lr=0.5", "state": "error",
        "reason": "the command ended with exit status 3",
    }  # fmt: skip


def test_an_event_has_the_metadata_of_a_running_execution(worker, tmp_path, monkeypatch) -> None:
    file = tmp_path / "events"
    monkeypatch.setenv(events.VARIABLE, str(file))
    printed = json.dumps({"loss": 0.5, "parts": [1], "step": 2, "rate": 3, "more": 4})
    waiting = f"until grep -q execution-metric {file}; do sleep 0.1; done"
    assert worker.run(f"echo '{printed}'; {waiting}").state == "complete"
    of_metrics = [json.loads(line) for line in file.read_text().splitlines() if "execution-metric" in line]
    assert [one["metric"] for one in of_metrics] == ["loss=0.5, step=2, rate=3, ..."]


def test_the_last_event_has_the_last_metadata(worker, tmp_path, monkeypatch) -> None:
    file = tmp_path / "events"
    monkeypatch.setenv(events.VARIABLE, str(file))
    worker.run("""for step in 1 2 3; do echo "{\\"step\\": $step}"; done""")
    assert json.loads(file.read_text().splitlines()[-1])["metric"] == "step=3"


class OutOfTime(BaseException):
    """An engine's time limit."""


@pytest.mark.parametrize(
    ("error", "state", "reason"), [(KeyboardInterrupt, "stopped", KILLED), (OutOfTime, "error", OUT_OF_TIME)]
)
def test_an_execution_that_the_engine_cancels_has_an_end(worker, tmp_path, monkeypatch, error, state, reason) -> None:
    file = tmp_path / "events"
    monkeypatch.setenv(events.VARIABLE, str(file))

    def cancel() -> None:
        raise error

    worker.should_stop = cancel
    with pytest.raises(error):
        execute(Step("s", ["sleep 600"]), replace(worker.context(), out_of_time=(OutOfTime,)))
    ended = json.loads(file.read_text().splitlines()[-1])
    assert (ended["event"], ended["state"], ended["reason"]) == ("execution-ended", state, reason)


def test_an_execution_runs_without_a_listener(worker, tmp_path, monkeypatch) -> None:
    monkeypatch.delenv(events.VARIABLE, raising=False)
    events.emit("run-started")
    monkeypatch.setenv(events.VARIABLE, str(tmp_path / "none" / "events"))
    events.emit("run-started")
    assert worker.run("true").state == "complete"


def test_many_writers_keep_their_lines_whole(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv(events.VARIABLE, str(tmp_path / "events"))
    threads = [
        threading.Thread(target=lambda n=n: [events.emit("run-started", node="x" * 2000, index=n) for _ in range(50)])
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = [json.loads(line)["index"] for line in (tmp_path / "events").read_text().splitlines()]
    assert sorted(found) == sorted(list(range(8)) * 50)
