"""Test that an approval survives the process that asked: it is answered while no process of the flow run is there."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys

import pytest

pytest.importorskip("prefect")

from prefect import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterParentFlowRunId
from prefect.exceptions import PrefectHTTPStatusError
from prefect.states import Scheduled, Suspended

from tests.prefect.support import compiled, flow_of, wait_for

TEXT = """
- step: {name: measure, image: none, command: "echo x >> HERE_IT_IS/measured"}
- step: {name: publish, image: none, command: "true"}
- pipeline:
    name: asks
    nodes:
      - {name: measure, type: execution, step: measure}
      - {name: publish, type: execution, step: publish, actions: [{when: node-starting, then: require-approval}]}
    edges: [[measure.dependency.*, publish.dependency.*]]
"""


@pytest.fixture
def begin(server, tmp_path):
    """Make a flow run; return a function that begins an attempt of it in its own process, as a worker does."""
    file = compiled(TEXT, tmp_path)
    with get_client(sync_client=True) as client:
        flow = client.create_flow(flow_of(file))
        deployment = client.create_deployment(flow, name="asks")  # Prefect suspends only flow runs of deployments
        flow_run = client.create_flow_run_from_deployment(deployment).id
    started = []

    def start():
        with (tmp_path / "log").open("a") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "prefect.engine"],
                cwd=tmp_path,
                env={
                    **server.environment,
                    "PREFECT__FLOW_RUN_ID": str(flow_run),
                    "PREFECT__FLOW_ENTRYPOINT": f"{file}:{file.stem.removesuffix('_flow')}",
                    "TRANSLATOR_STORE": str(tmp_path / "store"),
                    "TRANSLATOR_RUN": "run",
                },
                stdout=log,
                stderr=log,
            )
        started.append(process)
        return process

    yield flow_run, start
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.parametrize(("how", "approve"), [("suspend", True), ("kill", False)])
def test_an_answer_counts_that_came_while_no_process_was_there(begin, tmp_path, how, approve):
    flow_run, start = begin
    process = start()
    with get_client(sync_client=True) as client:

        def approvals():
            parent = FlowRunFilterParentFlowRunId(any_=[flow_run])
            return client.read_flow_runs(flow_run_filter=FlowRunFilter(parent_flow_run_id=parent))

        def opened():
            assert process.poll() is None, (tmp_path / "log").read_text()
            for one in approvals():
                # The form follows the state: before, the server refuses answers.
                with contextlib.suppress(PrefectHTTPStatusError):
                    if one.state.is_paused():
                        client.read_flow_run_input(one.id, one.state.state_details.run_input_keyset["description"])
                        return one
            return None

        approval = wait_for(opened, 12, "an approval")
        if how == "suspend":
            suspended = client.set_flow_run_state(flow_run, Suspended(timeout_seconds=3600))
            assert suspended.status.value == "ACCEPT"
            process.wait(120)
        else:
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert [one.state.is_paused() for one in approvals()] == [True]
        assert client.resume_flow_run(approval.id, run_input={"approve": approve}).status.value == "ACCEPT"
        if how == "suspend":
            client.resume_flow_run(flow_run)
        else:
            client.set_flow_run_state(flow_run, Scheduled(name="AwaitingRetry"), force=True)
        assert start().wait(120) == 0, (tmp_path / "log").read_text()
        (asked,) = approvals()
        assert asked.state.is_completed()
        assert client.read_flow_run(flow_run).state.is_completed()
    (record,) = (tmp_path / "store").glob("*/run/run.json")
    document = json.loads(record.read_text())
    assert document["state"] == ("complete" if approve else "stopped")
    (effect,) = document["nodes"]["publish"]["actions"]
    assert effect["decision"] == ("approved" if approve else "rejected")
    assert (tmp_path / "measured").read_text() == "x\n"
