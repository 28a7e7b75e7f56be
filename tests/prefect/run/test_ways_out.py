"""Test that every way to end a run writes ``run.json`` and leaves no task run open."""

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest

pytest.importorskip("prefect")

from prefect import State, get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterName
from prefect.context import FlowRunContext
from prefect.exceptions import Pause
from prefect.states import Suspended

from prefect_plugin.controlflow.composites import current_composite
from prefect_plugin.controlflow.steps import NodeTask as ControlFlowNodeTask
from prefect_plugin.dataflow.nodes import NodeTask
from prefect_plugin.run.current import current_run
from tests.controlflow.build import T, case, graph
from tests.controlflow.run import recorded
from tests.controlflow.work import Work
from tests.prefect.support import compiled, flow_of, task_runs, wait_for
from tests.processes import process_in
from translator.targets import GenerateOptions
from translator.targets import prefect as target

TEXT = """
- step:
    name: sleep
    image: none
    command:
      - trap '' TERM
      - TELL > "$FOLDER/asleep.new" && mv "$FOLDER/asleep.new" "$FOLDER/asleep"
      - while test ! -e "$FOLDER/wake"; do echo tick; sleep 0.2; done
- step: {name: never, image: none, command: "true"}
- pipeline:
    name: >
      NAME
    nodes:
      - {name: quick, type: execution, step: never}
      - {name: sleeper, type: task, step: sleep}
      - {name: after, type: execution, step: never}
    edges:
      - [quick.dependency.*, sleeper.dependency.*]
      - [sleeper.dependency.*, after.dependency.*]
"""


def check(folder, name, state, cut="Stopped"):
    """See that the process of the step has ended, the record is there, and all task runs have a final state."""
    wait_for(lambda: process_in(folder / "asleep") is None, 60, "the process of the step to end")
    (record,) = wait_for(lambda: list((folder / "store").glob("*/*/run.json")), 60, "run.json")
    document = json.loads(record.read_text())
    assert document["state"] == "stopped"
    states = {name: node["state"] for name, node in document["nodes"].items()}
    assert states == {"quick": "complete", "sleeper": "stopped", "after": "stopped"}
    with get_client(sync_client=True) as client:

        def ended():
            (found,) = client.read_flow_runs(flow_filter=FlowFilter(name=FlowFilterName(any_=[name])))
            return found if found.state.is_final() else None

        flow_run = wait_for(ended, 60, "the flow run to end")
    assert flow_run.state.name == state, flow_run.state
    shown = {one: run.state.name for one, run in task_runs(flow_run.id, 4).items()}
    assert shown == {"quick": "Completed", "sleeper": cut, "sleeper[0]": cut, "after": cut}


@pytest.fixture
def script(server, tmp_path):
    """Start the flow with a name as a script; gives its process as soon as its step runs."""
    started = []

    def start(name):
        file = compiled(TEXT.replace("NAME", name), tmp_path)
        environment = {**server.environment, "FOLDER": str(tmp_path), "TRANSLATOR_STORE": str(tmp_path / "store")}
        process = subprocess.Popen(
            [sys.executable, file.name],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        started.append(process)
        wait_for((tmp_path / "asleep").exists, 180, "the step to begin")
        return process

    yield start
    for process in started:
        (tmp_path / "wake").touch()
        if process.poll() is None:
            process.kill()
            process.wait(60)


def test_a_log_that_breaks(script, tmp_path):
    """Who reads the log goes away: the next line raises SystemExit where it is printed, in the thread of a step."""
    process = script("broken log")

    process.stderr.close()

    check(tmp_path, "broken log", "Crashed", cut="Crashed")
    assert process.wait(60) != 0


def test_a_second_ctrl_c(script, tmp_path):
    process = script("insisting")

    os.kill(process.pid, signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1)  # the step ignores TERM
    os.kill(process.pid, signal.SIGINT)

    check(tmp_path, "insisting", "Crashed")
    assert process.wait(60) != 0


@pytest.fixture
def in_process(server, tmp_path, monkeypatch):
    """Return the flow with a name, to call it in this process."""
    monkeypatch.setenv("TRANSLATOR_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("FOLDER", str(tmp_path))
    return lambda name: flow_of(compiled(TEXT.replace("NAME", name), tmp_path))


def test_a_time_limit_of_the_flow(in_process, tmp_path):
    made = in_process("limited").with_options(timeout_seconds=10)

    assert made(return_state=True).name == "TimedOut"

    check(tmp_path, "limited", "TimedOut")


def test_an_exception_in_the_body_of_the_flow(in_process, tmp_path, monkeypatch):
    made = in_process("broken")
    submit = NodeTask.submit

    def breaks(node, *args, **kwargs):
        future = submit(node, *args, **kwargs)
        if node.name == "after":
            wait_for((tmp_path / "asleep").exists, 60, "the step to begin")
            raise ValueError("somebody changed this flow")
        return future

    monkeypatch.setattr(NodeTask, "submit", breaks)

    state = made(return_state=True)

    assert state.message == "Flow run encountered an exception: ValueError: somebody changed this flow"
    check(tmp_path, "broken", "Failed")


@pytest.mark.parametrize(("state", "marked"), [("COMPLETED", "success"), ("FAILED", "failed")])
def test_a_state_that_somebody_sets_while_it_runs(in_process, tmp_path, state, marked):
    """Who sets a running flow run to a final state means it: the run ends, stays so, and its record says who did it."""

    def mark():
        wait_for((tmp_path / "asleep").exists, 120, "the step to begin")
        with get_client(sync_client=True) as client:
            (found,) = client.read_flow_runs(flow_filter=FlowFilter(name=FlowFilterName(any_=[f"marked {marked}"])))
            client.set_flow_run_state(found.id, State(type=state), force=True)

    with ThreadPoolExecutor(1) as aside:
        done = aside.submit(copy_context().run, mark)  # which server is ours is said in the context
        ended = in_process(f"marked {marked}").with_options(retries=1)(return_state=True)
        done.result()

    assert ended.type.value == state
    (record,) = (tmp_path / "store").glob("*/*/run.json")
    document = json.loads(record.read_text())
    assert document["marked"] == marked
    assert document["state"] == {"success": "complete", "failed": "stopped"}[marked]
    assert document["nodes"]["sleeper"]["state"] == "stopped"


def test_a_suspension_between_two_nodes_of_a_branch(server, tmp_path, monkeypatch):
    """Prefect refuses to start a task of a suspended flow run: what its token would have led to is not known."""
    monkeypatch.setenv("TRANSLATOR_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("TRANSLATOR_RUN", "run")
    (tmp_path / "project").mkdir()
    branches = {"x": graph({"one": T, "two": T}), "y": graph({"fails": Work(first="exit 3"), "never": T})}
    made = case(graph({"before": T, "p": (branches, "after", "after"), "after": T}), name="suspended")
    file = tmp_path / "suspended_flow.py"
    file.write_text(target.generate(made.pipeline, GenerateOptions(project="project")))
    submit = ControlFlowNodeTask.submit

    def suspends(node, token):
        future = submit(node, token)
        if node.node == "one":
            future.wait()
            composite = current_composite()
            wait_for(lambda: composite.branches, 60, "the other branch to end")  # it has one only then
            state = Suspended(timeout_seconds=3600)
            with get_client(sync_client=True) as client:
                client.set_flow_run_state(current_run().flow_run, state, force=True)
            # What Prefect does as soon as it learns of it, which takes an observer that only workers' flows have.
            request = FlowRunContext.get().flow_run_suspension_request
            request.mark_requested(state)
            request.raise_if_requested()
        return future

    monkeypatch.setattr(ControlFlowNodeTask, "submit", suspends)

    with pytest.raises(Pause):
        flow_of(file)()

    document = json.loads((tmp_path / "store" / "suspended" / "run" / "run.json").read_text())
    assert document["state"] == "stopped"
    assert {path: of.split()[-1] for path, of in recorded(document["nodes"]).items()} == {
        "before": "complete",
        "p": "stopped",
        "p.x": "stopped",
        "p.x.one": "complete",
        "p.x.two": "skipped",
        "p.y": "error",
        "p.y.fails": "error",
        "p.y.never": "skipped",
        "after": "skipped",
    }


def test_a_second_attempt_of_a_controlflow_graph(server, tmp_path, monkeypatch):
    """The second attempt takes another way: what the first came to is past."""
    monkeypatch.setenv("TRANSLATOR_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("TRANSLATOR_RUN", "run")
    once = Work(first=f"test -e {tmp_path}/tried || {{ touch {tmp_path}/tried; exit 3; }}")
    fails = Work(first="exit 3")
    nodes = {"before": T, "tries": (once, "after", "rescue"), "after": (T, "success", "fail"), "rescue": fails}
    made = case(graph(nodes), name="again")
    (tmp_path / "project").mkdir()
    file = tmp_path / "again_flow.py"
    file.write_text(target.generate(made.pipeline, GenerateOptions(project="project")))

    state = flow_of(file).with_options(retries=1)(return_state=True)

    assert state.is_completed(), state
    document = json.loads((tmp_path / "store" / "again" / "run" / "run.json").read_text())
    assert document["nodes"]["rescue"] == {"kind": "execution", "state": "skipped", "executions": []}
    assert {path: of.split()[-1] for path, of in recorded(document["nodes"]).items()} == {
        "before": "complete",
        "tries": "complete",
        "after": "complete",
        "rescue": "skipped",
    }
