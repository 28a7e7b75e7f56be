"""Test settings of ``translator.toml`` on a real scheduler: what Airflow knows of them, and retries of its faults."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.airflow.pipelines import OK, Node, source
from tests.airflow.scheduler import wait_until
from translator.load import load
from translator.targets import GenerateOptions, airflow

if TYPE_CHECKING:
    from tests.airflow.scheduler import Airflow

SETTINGS = """
[defaults]
store = "STORE"

[defaults.airflow]
owner = "ml-platform"
retries = 1
retry_delay = 1
pool = "small"
on_failure_callback = "company_calls.failed"

[defaults.airflow.dag]
dag_id = "team.{pipeline}"
tags = ["team"]
on_failure_callback = "company_calls.run_failed"

[nodes."failing task".secrets]
API_TOKEN = "ml_token"

[nodes.killed]
airflow.queue = "gpu"
airflow.priority_weight = 7
"""
CALLBACKS = """
import os, pathlib

def _note(what):
    with (pathlib.Path(os.environ["AIRFLOW_HOME"]) / "called").open("a") as file:
        file.write(what + chr(10))

def failed(context):
    _note("task " + context["ti"].task_id)

def run_failed(context):
    _note("run")
"""
HIDDEN = "s3cr3t-of-the-team"
# Written, and then read-only, so that it is published before the command ends.
CHECKPOINT = "cd $VH_OUTPUTS_DIR; echo weights > checkpoint; chmod 0444 checkpoint"
CHECKPOINT += "; while [ -e checkpoint ]; do sleep 0.1; done; sleep 1"
DAG = "team.infrastructure"


@pytest.fixture(scope="module")
def faulty(scheduler: Airflow) -> Airflow:
    """Start the scheduler with a DAG whose tasks are retried after faults of the infrastructure."""
    project = scheduler.home / "faulty"
    project.mkdir()
    nodes = (
        Node("killed"),
        Node("fails", on_error="continue"),
        Node("failing task", ["exit 3", OK], "continue"),
        Node("again", on_error="retry", after=["killed"]),
    )
    (project / "valohai.yaml").write_text(source(*nodes, name="Infrastructure"))
    (project / "translator.toml").write_text(SETTINGS.replace("STORE", str(scheduler.home / "team-store")))
    (scheduler.dags / "company_calls.py").write_text(CALLBACKS)
    scheduler.api("POST", "/api/v2/pools", {"name": "small", "slots": 4})
    scheduler.api("POST", "/api/v2/variables", {"key": "ml_token", "value": HIDDEN})
    pipeline = load(project / "valohai.yaml").choose()
    options = GenerateOptions(project=os.path.relpath(project, scheduler.dags))
    (scheduler.dags / airflow.file_name(pipeline)).write_text(airflow.generate(pipeline, options))
    scheduler.wait_for_dags(DAG)
    return scheduler


def test_airflow_knows_the_settings(faulty: Airflow) -> None:
    tasks = {task["task_id"]: task for task in faulty.api("GET", f"/api/v2/dags/{DAG}/tasks")["tasks"]}
    assert {task["owner"] for task in tasks.values()} == {"ml-platform"}
    assert {task["pool"] for task in tasks.values()} == {"small"}
    assert (tasks["killed"]["queue"], tasks["killed"]["priority_weight"]) == ("gpu", 7)
    assert tasks["again"]["queue"] == "default"
    dag = faulty.api("GET", f"/api/v2/dags/{DAG}/details")
    assert {tag["name"] for tag in dag["tags"]} == {"valohai", "team"}


def test_only_faults_of_the_infrastructure_are_tried_again(faulty: Airflow) -> None:
    ran = faulty.home / "ran"
    ran.mkdir()
    count = f"echo x >> {ran}/"
    commands = {
        # The process of the task is killed at the first attempt, as it is where memory runs out.
        "killed does": f"if [ ! -e {ran}/killed ]; then {CHECKPOINT}; {count}killed; exec sleep 600; fi\n"
        f"{count}killed; cp $VH_CONFIG_DIR/execution.json $VH_OUTPUTS_DIR; {OK}",
        "fails does": f"{count}fails; exit 3",
        "failing task does": [
            f"{count}task; exit 3",
            f"echo token=$API_TOKEN; test ${{#API_TOKEN}} -eq {len(HIDDEN)} && {OK}",
        ],
        "again does": f"{count}again; exit 3",
    }
    faulty.trigger(DAG, "faulty-1", commands)
    wait_until((ran / "killed").exists)
    os.kill(faulty.tasks(DAG, "faulty-1")["killed", -1]["pid"], signal.SIGKILL)
    assert faulty.wait(DAG, "faulty-1") == "failed"
    document = faulty.record("faulty-1", faulty.home / "team-store")
    assert {name: node["state"] for name, node in document["nodes"].items()} == {
        "killed": "complete",
        "fails": "error",
        "failing task": "complete",
        "again": "error",
    }
    runs = {file.name: len(file.read_text().split()) for file in ran.iterdir()}
    assert runs == {"killed": 2, "fails": 1, "task": 1, "again": 3}
    tries = {task: instance["try_number"] for (task, _), instance in faulty.tasks(DAG, "faulty-1").items()}
    assert (tries["killed"], tries["fails.run"], tries["again"]) == (2, 1, 3)
    (checkpoint,) = (faulty.home / "team-store").glob("*/faulty-1/killed/0/try-1/outputs/checkpoint")
    assert checkpoint.read_text() == "weights\n"
    (keys,) = (faulty.home / "team-store").glob("*/faulty-1/killed/0/try-2/outputs/execution.json")
    run = faulty.api("GET", f"/api/v2/dags/{DAG}/dagRuns/faulty-1")
    assert json.loads(keys.read_text())["valohai.creator-name"] == run["triggering_user_name"] != ""
    assert all(file["path"] != "checkpoint" for file in document["nodes"]["killed"]["executions"][0]["outputs"])
    run = f"/api/v2/dags/{DAG}/dagRuns/faulty-1/taskInstances/failing_task.run"
    logged = str(faulty.api("GET", f"{run}/logs/1?map_index=1")["content"])
    assert "token=***" in logged
    assert HIDDEN not in logged
    wait_until(lambda: "run" in called(faulty))
    assert {"task fails.run", "task again", "task failing_task.run"} <= set(called(faulty))
    assert "task killed" not in called(faulty)


def called(faulty: Airflow) -> list[str]:
    """Return what the callbacks noted."""
    file: Path = faulty.home / "called"
    return file.read_text().splitlines() if file.exists() else []
