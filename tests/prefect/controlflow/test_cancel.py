"""Test that a cancel from outside ends the steps in all branches of a control-flow run, and that no handler begins."""

import json
import os
import signal
import subprocess
import sys

import pytest

pytest.importorskip("prefect")

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterName, FlowRunFilter, FlowRunFilterId
from prefect.states import Crashed

from tests.controlflow.build import T, case, graph, mapped
from tests.controlflow.run import recorded
from tests.controlflow.work import Work
from tests.prefect.support import flow_of, is_alive, task_runs, wait_for
from tests.processes import TELL, process_in
from translator.targets import GenerateOptions
from translator.targets import prefect as target

LIST = ("a", "b")


def sleeper(folder, name, more=""):
    """Return work that never ends, in a child process of its shell, which writes its id to a file."""
    return Work(first=f"sh -c '{TELL} > \"$0\"; exec sleep 300' {folder}/{name}{more}.asleep & wait")


def sleeping(folder, name):
    """Return a graph with two branches, one with two items, that sleep in parallel; a third is complete before."""
    branches = {
        "x": graph({"one": T, "sleeps": (sleeper(folder, "x"), "never", "handles"), "never": T, "handles": T}),
        "y": graph({"m": mapped(graph({"sleeps": sleeper(folder, "y", "$i"), "never": T}), "list", "i")}),
        "z": graph({"ends": T}),
    }
    return case(graph({"before": T, "p": (branches, "after", "rescue"), "after": T, "rescue": T}), name=name, list=LIST)


EXPECTED = {
    "before": "complete",
    "p": "stopped",
    "p.x": "stopped",
    "p.x.one": "complete",
    "p.x.sleeps": "stopped",
    "p.x.never": "skipped",
    "p.x.handles": "skipped",
    "p.y": "stopped",
    "p.y.m": "stopped",
    "p.y.m.0": "stopped",
    "p.y.m.0.sleeps": "stopped",
    "p.y.m.0.never": "skipped",
    "p.y.m.1": "stopped",
    "p.y.m.1.sleeps": "stopped",
    "p.y.m.1.never": "skipped",
    "p.z": "complete",
    "p.z.ends": "complete",
    "after": "skipped",
    "rescue": "skipped",
}


BEGUN = 13
"""The number of task runs that begin before a branch ends."""


DONE = 4
"""How many of them are complete then: `before`, `one`, `z` and `ends`."""


@pytest.fixture
def start(server, tmp_path):
    """Start the flow with a name as a script; gives its process and those that sleep, as soon as all do."""
    started = []

    def start_it(name):
        made = sleeping(tmp_path, name)
        file = tmp_path / target.file_name(made.pipeline)
        (tmp_path / "project").mkdir()
        file.write_text(target.generate(made.pipeline, GenerateOptions(project="project")))
        environment = {**server.environment, "TRANSLATOR_STORE": str(tmp_path / "store")}
        with (tmp_path / "log").open("w") as log:
            command = [sys.executable, file.name]
            process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=subprocess.STDOUT)
        started.append(process)
        asleep = [tmp_path / f"{one}.asleep" for one in ("x", "ya", "yb")]
        wait_for(
            lambda: process.poll() is not None or all(map(process_in, asleep)),
            180,
            "all steps",
        )
        assert process.poll() is None, (tmp_path / "log").read_text()
        return process, [process_in(file) for file in asleep]

    yield start_it
    for process in started:
        if process.poll() is None:
            process.terminate()
            process.wait(120)


def check_is_stopped(folder, sleepers):
    wait_for(lambda: not any(map(is_alive, sleepers)), 30, "the processes of the steps to end")
    (file,) = wait_for(lambda: list((folder / "store").glob("*/*/run.json")), 30, "run.json")
    record = json.loads(file.read_text())
    assert record["state"] == "stopped"
    assert {path: of.split()[-1] for path, of in recorded(record["nodes"]).items()} == EXPECTED


def test_from_the_api(server, start, tmp_path):
    process, sleepers = start("controlflow script")
    with get_client(sync_client=True) as client:
        (flow_run,) = client.read_flow_runs(flow_filter=FlowFilter(name=FlowFilterName(any_=["controlflow script"])))

        done = server.command("flow-run", "cancel", str(flow_run.id))
        assert done.returncode == 0, done.stdout + done.stderr

        check_is_stopped(tmp_path, sleepers)
        wait_for(lambda: client.read_flow_run(flow_run.id).state.is_cancelled() or None, 30, "the cancelled flow run")
    assert process.wait(600) != 0
    shown = {name: run.state.name for name, run in task_runs(flow_run.id, 19).items()}
    assert shown == {
        "before": "Completed",
        "p": "Stopped",
        "x": "Stopped",
        "y": "Stopped",
        "z": "Completed",
        "one": "Completed",
        "sleeps": "Stopped",
        "never": "Skipped",
        "never[i=a]": "Skipped",
        "never[i=b]": "Skipped",
        "handles": "Skipped",
        "m": "Stopped",
        "m[i=a]": "Stopped",
        "m[i=b]": "Stopped",
        "sleeps[i=a]": "Stopped",
        "sleeps[i=b]": "Stopped",
        "ends": "Completed",
        "after": "Skipped",
        "rescue": "Skipped",
    }


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_by_a_signal(start, tmp_path, sent):
    process, sleepers = start(f"controlflow by {sent.name}")

    os.kill(process.pid, sent)

    check_is_stopped(tmp_path, sleepers)
    assert process.wait(600) != 0


def test_the_hook_writes_the_record_of_a_killed_process(server, start, tmp_path):
    """Nobody is left to write the record but the worker, which calls the flow's hook in its own process."""
    process, sleepers = start("controlflow killed")
    with get_client(sync_client=True) as client:
        (flow_run,) = client.read_flow_runs(flow_filter=FlowFilter(name=FlowFilterName(any_=["controlflow killed"])))
        of_run = FlowRunFilter(id=FlowRunFilterId(any_=[flow_run.id]))

        def settled():
            states = [run.state.name for run in client.read_task_runs(flow_run_filter=of_run) if run.state]
            return len(states) == BEGUN and {*states} == {"Running", "Completed"} and states.count("Completed") == DONE

        # What the process has not told the server yet, nobody will, and what the server learns late stays Running.
        wait_for(settled, 60, "the server to know all task runs")

        process.kill()
        process.wait(600)

        wait_for(lambda: not any(map(is_alive, sleepers)), 60, "the processes of the steps to end")
        client.set_flow_run_state(flow_run.id, Crashed())
    (file,) = tmp_path.glob("*_flow.py")
    made = flow_of(file)
    (hook,) = made.on_crashed_hooks
    hook(flow=made, flow_run=flow_run, state=Crashed())
    (written,) = (tmp_path / "store").glob("*/*/run.json")
    record = json.loads(written.read_text())
    assert record["state"] == "error"
    lost = ("p", "p.x", "p.x.sleeps", "p.y", "p.y.m", "p.y.m.0", "p.y.m.0.sleeps", "p.y.m.1", "p.y.m.1.sleeps")
    assert {path: of.split()[-1] for path, of in recorded(record["nodes"]).items()} == {
        **EXPECTED,
        **dict.fromkeys(lost, "error"),
    }
    assert {run.state.name for run in task_runs(flow_run.id, BEGUN).values()} == {"Completed", "Crashed"}
