"""Test that a deployment's settings do not change what a pipeline means."""

import json
import subprocess
import sys

import pytest

pytest.importorskip("prefect")

from prefect import get_client
from prefect.automations import Automation, DoNothing, EventTrigger
from prefect.client.schemas.filters import FlowFilter, FlowFilterName, FlowRunFilter, FlowRunFilterId
from prefect.filesystems import LocalFileSystem
from prefect.states import Failed

import prefect_plugin.run.flow_run
from prefect_plugin.recovery.repair import close_earlier_attempts
from tests.prefect.support import compiled, flow_of, task_runs, wait_for
from translator.load import load_text
from translator.semantics import Attempt, Ending, Rules, disagreements
from translator.shim.contract import State

TEXT = """
- step:
    name: work
    image: none
    # Fails as often as the parameter says.
    command:
      - echo x >> "$TRIES/{parameter-value:tag}"
      - test $(wc -l < "$TRIES/{parameter-value:tag}") -gt {parameter-value:failures}
      - find /valohai/inputs -name out.txt -exec cat {} + > /valohai/outputs/out.txt
      - echo {parameter-value:tag} >> /valohai/outputs/out.txt
    parameters:
      - {name: tag, type: string}
      - {name: n, type: integer, default: 1}
      - {name: failures, type: integer, default: 0}
    inputs:
      - {name: before, optional: true}
- pipeline:
    name: NAME
    nodes:
      - name: once
        type: execution
        step: work
        on-error: stop-next
        override: {parameters: [{name: tag, default: once}, {name: failures, default: 1}]}
      - name: after
        type: execution
        step: work
        override: {parameters: [{name: tag, default: after}]}
      - name: flaky
        type: execution
        step: work
        on-error: retry
        override: {parameters: [{name: tag, default: flaky}, {name: failures, default: 2}]}
      - name: several
        type: task
        step: work
        on-error: continue
        override: {parameters: [{name: tag, default: several}]}
      - name: collect
        type: execution
        step: work
        override: {parameters: [{name: tag, default: collect}]}
    edges:
      - [once.output.*, after.input.before]
      - [flaky.output.*, several.input.before]
      - [several.output.*, collect.input.before]
"""
FAILURES = {"once": 1, "flaky": 2}
HOSTILE = {
    "PREFECT_FLOWS_DEFAULT_RETRIES": "2",
    "PREFECT_FLOWS_DEFAULT_RETRY_DELAY_SECONDS": "600",
    "PREFECT_TASKS_DEFAULT_RETRIES": "2",
    "PREFECT_TASKS_DEFAULT_RETRY_DELAY_SECONDS": "600",
    "PREFECT_TASKS_DEFAULT_PERSIST_RESULT": "true",
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "true",
    "PREFECT_RESULTS_LOCAL_STORAGE_PATH": "/proc/nowhere",
    "PREFECT_DEFAULT_RESULT_STORAGE_BLOCK": "local-file-system/unwritable",
    "PREFECT_TASKS_REFRESH_CACHE": "true",
    "PREFECT_TASKS_RUNNER_THREAD_POOL_MAX_WORKERS": "1",
    "PREFECT_TASK_SCHEDULING_MAX_RETRY_QUEUE_SIZE": "1",
    "PREFECT_TASK_SCHEDULING_MAX_SCHEDULED_QUEUE_SIZE": "1",
    "PREFECT_TASK_SCHEDULING_DEFAULT_STORAGE_BLOCK": "local-file-system/unwritable",
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_LOG_PRINTS": "true",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "translator,prefect_plugin",
    "PREFECT_LOGGING_TO_API_MAX_LOG_SIZE": "100",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "error",
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
    "HOME": "/proc/nowhere",
    "TMPDIR": "/tmp",
}


def expected(name, n, record):
    """Describe where a record of the pipeline differs from the rules."""
    (pipeline,) = load_text(TEXT.replace("NAME", name)).pipelines

    def ending(attempt: Attempt) -> Ending:
        fails = attempt.attempt <= FAILURES.get(attempt.node, 0)
        return Ending(State.ERROR if fails else State.COMPLETE)

    rules = Rules(pipeline, {"several.n": n}, ending)
    return disagreements(rules, record)


def test_no_default_of_a_deployment_changes_a_run(server, tmp_path):
    """Retries, caches, results that cannot be stored, one thread, no log, no home, another working directory."""
    folder, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    (tmp_path / "tries").mkdir()
    file = compiled(TEXT.replace("NAME", "hostile"), folder)
    LocalFileSystem(basepath="/proc/nowhere").save("unwritable")
    environment = {
        **{name: value for name, value in server.environment.items() if name != "PREFECT_HOME"},
        **HOSTILE,
        "TRANSLATOR_STORE": str(tmp_path / "store"),
        "TRIES": str(tmp_path / "tries"),
    }

    done = subprocess.run(
        [sys.executable, str(file)], cwd=elsewhere, env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 1, done.stdout + done.stderr
    (record,) = (tmp_path / "store").glob("*/*/run.json")
    document = json.loads(record.read_text())
    assert not expected("hostile", [1], document)
    outputs = {path.parts[-5]: path.read_text() for path in record.parent.glob("*/*/*/outputs/*")}
    assert outputs == {
        "flaky": "flaky\n",
        "several": "flaky\nseveral\n",
        "collect": "flaky\nseveral\ncollect\n",
    }
    with get_client(sync_client=True) as client:
        (flow_run,) = client.read_flow_runs(flow_filter=FlowFilter(name=FlowFilterName(any_=["hostile"])))
    assert flow_run.state.is_failed()
    assert flow_run.run_count == 1
    found = {name: run.state.name for name, run in task_runs(flow_run.id, 6).items()}
    assert found == {
        "once": "Failed",
        "after": "Skipped",
        "flaky": "Completed",
        "several": "Completed",
        "several[0]": "Completed",
        "collect": "Completed",
    }
    assert not list(elsewhere.iterdir())


def test_a_flow_with_retries_runs_again_and_then_fails(server, tmp_path, monkeypatch):
    """Each attempt is its own run; what failed fires an automation; an option given to a node keeps the node.

    Between the attempts, a person sets the task run of ``flaky`` to failed, so that it runs again.
    """
    folder = tmp_path / "project"
    folder.mkdir()
    (tmp_path / "tries").mkdir()
    for name, value in {"TRANSLATOR_STORE": "store", "TRIES": "tries"}.items():
        monkeypatch.setenv(name, str(tmp_path / value))
    made = flow_of(compiled(TEXT.replace("NAME", "retried"), folder))
    automation = Automation(
        name="retried flow failed",
        trigger=EventTrigger(
            expect={"prefect.flow-run.Failed"},
            match_related={"prefect.resource.role": "flow", "prefect.resource.name": "retried"},
            threshold=1,
        ),
        actions=[DoNothing()],
    ).create()
    again = made.with_options(retries=1)
    vars(sys.modules[made.fn.__module__])["once_node"] = made.fn.__globals__["once_node"].with_options(tags=["mine"])

    def after_a_person(flow_run):
        wait_for(lambda: "flaky" in {run.name for run in of(flow_run)}, 60, "the task run to be recorded")
        (marked,) = (run for run in of(flow_run) if run.name == "flaky")
        with get_client(sync_client=True) as client:
            client.set_task_run_state(marked.id, Failed(message="looks wrong"), force=True)
        return close_earlier_attempts(flow_run)

    def of(flow_run):
        with get_client(sync_client=True) as client:
            return client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[flow_run])))

    monkeypatch.setattr(prefect_plugin.run.flow_run, "close_earlier_attempts", after_a_person)
    state = again(return_state=True)
    monkeypatch.undo()
    for name, value in {"TRANSLATOR_STORE": "store", "TRIES": "tries"}.items():
        monkeypatch.setenv(name, str(tmp_path / value))

    assert state.is_completed(), state
    (record,) = (tmp_path / "store").glob("*/*/run.json")
    document = json.loads(record.read_text())
    tries = {name: [one["tries"] for one in node["executions"]] for name, node in document["nodes"].items()}
    assert tries == {"once": [2], "after": [1], "flaky": [4], "several": [2], "collect": [2]}  # of both attempts
    assert {name: node["state"] for name, node in document["nodes"].items()} == dict.fromkeys(
        ("once", "after", "flaky", "several", "collect"), "complete"
    )
    kept = {name for name, node in document["nodes"].items() if "reused" in node["executions"][0]}
    assert kept == {"several", "collect"}
    assert "looks wrong" not in json.dumps(document)
    (log,) = (tmp_path / "store").glob("*/*/flaky/0/try-4/log.txt")
    assert "runs again, although it was complete before: a person marked it as failed" in log.read_text()
    with get_client(sync_client=True) as client:
        flow_run = client.read_flow_run(state.state_details.flow_run_id)
        assert flow_run.run_count == 2
        assert document["run"] == f"{flow_run.name}-{flow_run.id.hex[-8:]}"
        names = [one.name for one in client.read_flow_run_states(flow_run.id)]
    assert names == ["Pending", "Running", "AwaitingRetry", "Running", "Completed"]
    assert task_runs(flow_run.id, 6)["once"].tags == ["mine"]

    (tmp_path / "tries" / "once").unlink()
    state = made(return_state=True)
    assert state.is_failed()
    assert "error: once; skipped: after; complete: flaky, several, collect" in state.message
    wait_for(lambda: is_triggered(automation.id), 60, "the automation to fire")


def is_triggered(automation):
    """Return whether an automation has been triggered."""
    with get_client(sync_client=True) as client:
        found = client.request(
            "POST",
            "/events/filter",
            json={"filter": {"event": {"name": ["prefect.automation.action.executed"]}}},
        ).json()
    return any(event["resource"]["prefect.resource.id"].endswith(str(automation)) for event in found["events"])
