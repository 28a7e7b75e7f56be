"""Test that a cancel from outside ends the processes of the steps, however the flow was started.

``test_histories.py`` cancels a flow on a worker.
"""

import json
import os
import signal
import subprocess
import sys

import pytest

pytest.importorskip("prefect")

from prefect import get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterName
from prefect.client.schemas.responses import SetStateStatus
from prefect.deployments import run_deployment
from prefect.states import Cancelling

from tests.prefect.support import compiled, wait_for
from tests.processes import process_in
from tests.shim.deployers.deploying import Machine

TEXT = """
- step:
    name: sleep
    image: none
    command: |-
      echo going to sleep && sh -c 'TELL > HERE_IT_IS/inner; exec sleep 300' & wait
- step: {name: never, image: none, command: "true"}
- pipeline:
    name: NAME
    nodes:
      - {name: sleeper, type: task, step: sleep}
      - {name: after, type: execution, step: never}
    edges:
      - [sleeper.dependency.*, after.dependency.*]
"""


@pytest.fixture
def start(server, tmp_path):
    """Start a command in a directory with the flow of a name; ended at the end of the test, if it is still there."""
    started = []

    def start_it(name, *arguments, text=TEXT, **more):
        file = compiled(text.replace("NAME", name), tmp_path)
        command = [sys.executable, *(argument.replace("FLOW", file.name) for argument in arguments)]
        environment = {**server.environment, "TRANSLATOR_STORE": str(tmp_path / "store"), **more}
        log = (tmp_path / "log").open("w")
        process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=subprocess.STDOUT)
        started.append(process)
        return process

    yield start_it
    for process in started:
        if process.poll() is None:
            process.terminate()
            process.wait(120)


def sleeper_in(folder):
    """Return the process that a step has started, as soon as it runs."""
    return wait_for(lambda: process_in(folder / "inner"), 60, f"the step in {folder} to start")


def flow_run_of(name):
    with get_client(sync_client=True) as client:
        (found,) = client.read_flow_runs(flow_filter=FlowFilter(name=FlowFilterName(any_=[name])))
        return found


def cancel(flow_run):
    """Do what the UI and ``prefect flow-run cancel`` do."""
    with get_client(sync_client=True) as client:
        result = client.set_flow_run_state(flow_run.id, Cancelling())
    assert result.status == SetStateStatus.ACCEPT, result


def check_is_cancelled(folder):
    wait_for(lambda: process_in(folder / "inner") is None, 30, "the process of the step to end")
    records = wait_for(lambda: list((folder / "store").glob("*/*/run.json")), 30, "run.json")
    record = json.loads(records[0].read_text())
    assert record["state"] == "stopped"
    assert {name: node["state"] for name, node in record["nodes"].items()} == {"sleeper": "stopped", "after": "stopped"}


def is_cancelled(name):
    return flow_run_of(name).state.is_cancelled()


def test_of_a_flow_that_was_started_as_a_script(server, start, tmp_path):
    process = start("as script", "FLOW")
    sleeper_in(tmp_path)

    cancel(flow_run_of("as script"))

    check_is_cancelled(tmp_path)
    wait_for(lambda: is_cancelled("as script"), 30, "the flow run to be cancelled")
    assert process.wait(600) != 0


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_by_a_signal(start, tmp_path, sent):
    name = f"by {sent.name}"
    process = start(name, "FLOW", TRANSLATOR_RUN="mine")
    sleeper_in(tmp_path)

    os.kill(process.pid, sent)

    check_is_cancelled(tmp_path)
    assert process.wait(600) != 0


def test_of_a_served_flow(server, start, tmp_path):
    (tmp_path / "serve.py").write_text(
        "import FLOW\n".replace("FLOW", "served_flow_flow")
        + "if __name__ == '__main__':\n    served_flow_flow.served_flow.serve(name='served')\n"
    )
    start("served flow", "serve.py")
    with get_client(sync_client=True) as client:
        wait_for(lambda: "served" in {found.name for found in client.read_deployments()}, 60, "the deployment")
    flow_run = run_deployment("served flow/served", timeout=0)
    sleeper_in(tmp_path)

    cancel(flow_run)

    check_is_cancelled(tmp_path)
    wait_for(lambda: is_cancelled("served flow"), 40, "the flow run to be cancelled")


DEPLOYS = """
- endpoint: {name: predict, image: none, server-command: 'TELL > HERE_IT_IS/inner; exec sleep 300'}
- pipeline:
    name: NAME
    nodes: [{name: deploy, type: deployment, deployment: digits, endpoints: [predict], aliases: [live]}]
    edges: []
"""


def test_a_cancelled_deployment_leaves_the_old_version(server, start, tmp_path):
    machine = Machine(tmp_path / "s", tmp_path / "of the first version")
    try:
        machine.deploy("old")
        settings = f'directory = "{machine.directory}"\nport = {machine.port}\n'
        (tmp_path / "translator.toml").write_text(f"[defaults.deployers.local]\n{settings}")
        process = start("deploys", "FLOW", text=DEPLOYS)
        sleeper_in(tmp_path)

        cancel(flow_run_of("deploys"))

        assert process.wait(120) != 0
        assert process_in(tmp_path / "inner") is None
        assert machine.model() == "old"
        (version,) = machine.administration.versions()
        assert (version.version, list(version.aliases)) == ("1", ["live"])
        (record,) = (tmp_path / "store").glob("*/*/run.json")
        assert json.loads(record.read_text())["nodes"]["deploy"]["state"] == "stopped"
    finally:
        machine.shut_down()
