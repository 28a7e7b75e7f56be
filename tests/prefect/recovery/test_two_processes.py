"""Test two processes of one flow run: Prefect's worker reports a killed process twice, and the second undoes a retry.

A person who then retries again starts another process beside that of the first retry. The process that began last is
the attempt: the other stops, and changes neither ``run.json`` nor the state of the flow run.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

pytest.importorskip("prefect")

from prefect import get_client
from prefect.states import Crashed, Scheduled

from tests.prefect.support import compiled, flow_of, task_runs, wait_for
from tests.processes import process_in

SLEEP = """
TELL > "$folder/asleep.new"; mv "$folder/asleep.new" "$folder/asleep"
while test ! -e "$folder/wake"; do sleep 0.2; done
""".strip().replace("\n", "; ")
DATAFLOW = f"""
- step: {{name: first, image: none, command: "true"}}
- step: {{name: sleep, image: none, command: '{SLEEP}'}}
- pipeline:
    name: two processes
    nodes:
      - {{name: first, type: execution, step: first}}
      - {{name: sleeper, type: execution, step: sleep}}
    edges: [[first.dependency.*, sleeper.dependency.*]]
"""
CONTROLFLOW = f"""
dag:
  start_at: first
  steps:
    first: {{type: task, command_type: shell, command: "true", next: sleeper}}
    sleeper: {{type: task, command_type: shell, command: '{SLEEP}', next: success}}
"""


@pytest.fixture(params=[DATAFLOW, CONTROLFLOW], ids=["dataflow", "controlflow"])
def begin(request, server, tmp_path):
    """Make a flow run; return a function that begins an attempt of a name in its own process, and the flow run."""
    file = compiled(request.param, tmp_path)
    with get_client(sync_client=True) as client:
        flow_run = client.create_flow_run(flow_of(file)).id
    started = []

    def start(name):
        (tmp_path / name).mkdir()
        process = subprocess.Popen(
            [sys.executable, "-m", "prefect.engine"],
            cwd=tmp_path,
            env={
                **server.environment,
                "PREFECT__FLOW_RUN_ID": str(flow_run),
                "PREFECT__FLOW_ENTRYPOINT": f"{file}:{file.stem.removesuffix('_flow')}",
                "TRANSLATOR_STORE": str(tmp_path / "store"),
                "TRANSLATOR_RUN": "run",
                "folder": str(tmp_path / name),
                "RUNNABLE_PRM_folder": str(tmp_path / name),
            },
            stdout=(tmp_path / f"{name}.log").open("w"),
            stderr=subprocess.STDOUT,
        )
        started.append(process)
        asleep = tmp_path / name / "asleep"
        wait_for(
            lambda: asleep.exists() or process.poll() is not None, 180, f"the step of the process {name!r} to begin"
        )
        assert asleep.exists(), (tmp_path / f"{name}.log").read_text()
        return process

    yield start, flow_run
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait(60)


def state_of(flow_run):
    with get_client(sync_client=True) as client:
        return client.read_flow_run(flow_run).state


def stopped_by_itself(process, folder, name):
    """See that a process ends without an error, which its worker would report, and its step with it."""
    assert process.wait(600) == 0, (folder / f"{name}.log").read_text()
    wait_for(lambda: process_in(folder / name / "asleep") is None, 60, "the process of the step to end")


@pytest.mark.parametrize("reported", ["before the first began", "while the first ran"])
def test_the_last_process_is_the_attempt(begin, tmp_path, reported):
    start, flow_run = begin
    first = start("first")
    with get_client(sync_client=True) as client:
        if reported == "while the first ran":
            os.kill(first.pid, signal.SIGSTOP)  # it sees the report only after the second has begun
            client.set_flow_run_state(flow_run, Crashed())
            client.set_flow_run_state(flow_run, Scheduled(name="AwaitingRetry"), force=True)
    second = start("second")
    if reported == "while the first ran":
        os.kill(first.pid, signal.SIGCONT)

    stopped_by_itself(first, tmp_path, "first")
    assert state_of(flow_run).is_running()
    assert not list(tmp_path.glob("store/*/run/run.json")), "the first has written the record"
    (tmp_path / "second" / "wake").touch()

    assert second.wait(600) == 0
    assert state_of(flow_run).is_completed()
    (record,) = tmp_path.glob("store/*/run/run.json")
    document = json.loads(record.read_text())
    assert document["state"] == "complete"
    assert [document["nodes"][name]["executions"][0]["tries"] for name in ("first", "sleeper")] == [2, 2]


def test_the_first_process_obeys_a_report_that_it_crashed(begin, tmp_path):
    """The run stays as the engine says it is, so that a retry in the meantime is not undone once more."""
    start, flow_run = begin
    first = start("first")
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(flow_run, Crashed())

    stopped_by_itself(first, tmp_path, "first")

    assert state_of(flow_run).is_crashed()
    (record,) = tmp_path.glob("store/*/run/run.json")
    document = json.loads(record.read_text())
    assert (document["state"], document.get("marked")) == ("stopped", None)
    assert document["nodes"]["sleeper"]["state"] == "stopped"
    assert all(run.state.is_final() for run in task_runs(flow_run, 2).values())
