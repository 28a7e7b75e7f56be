"""Test that containers end with their tasks on a real scheduler, whoever ends these."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from tests.airflow.pipelines import Node, source
from tests.airflow.scheduler import wait_until
from tests.podman import PYTHON_IMAGE
from translator.load import load
from translator.targets import GenerateOptions, airflow

if TYPE_CHECKING:
    from tests.airflow.scheduler import Airflow
    from tests.podman import Podman

DAG = "containers"
SLEEP = "echo kept > $VH_OUTPUTS_DIR/made; echo started; while :; do sleep 0.2; done"


@pytest.fixture(scope="module")
def deployed(scheduler: Airflow, podman: Podman) -> Airflow:
    """Start the scheduler with a DAG whose steps run in containers."""
    project = scheduler.home / "containers"
    project.mkdir()
    nodes = (Node("first"), Node("second", after=["first"]))
    text = source(*nodes, name="Containers").replace("image: none", f"image: {PYTHON_IMAGE}")
    (project / "valohai.yaml").write_text(text)
    (project / "translator.toml").write_text(podman.settings)
    pipeline = load(project / "valohai.yaml").choose()
    options = GenerateOptions(project=os.path.relpath(project, scheduler.dags))
    (scheduler.dags / airflow.file_name(pipeline)).write_text(airflow.generate(pipeline, options))
    scheduler.wait_for_dags(DAG)
    return scheduler


def states(deployed: Airflow, run: str) -> dict[str, str]:
    return {name: node["state"] for name, node in deployed.record(run)["nodes"].items()}


def test_a_run_in_containers_completes(deployed: Airflow, podman: Podman) -> None:
    deployed.trigger(DAG, "containers-1", {"second does": "cat /valohai/inputs/before/made"})
    assert deployed.wait(DAG, "containers-1") == "success", deployed.tail()
    assert states(deployed, "containers-1") == {"first": "complete", "second": "complete"}
    assert podman.empty()


def test_marking_a_run_as_failed_ends_its_container(deployed: Airflow, podman: Podman) -> None:
    deployed.trigger(DAG, "containers-2", {"first does": SLEEP})
    wait_until(podman.containers)
    deployed.api("PATCH", f"/api/v2/dags/{DAG}/dagRuns/containers-2", {"state": "failed"})
    wait_until(lambda: not podman.containers())
    assert deployed.wait(DAG, "containers-2") == "failed"
    wait_until(lambda: list(deployed.store.glob("*/containers-2/run.json")))
    assert states(deployed, "containers-2") == {"first": "stopped", "second": "stopped"}


def test_the_container_of_a_killed_task_is_ended(deployed: Airflow, podman: Podman) -> None:
    deployed.trigger(DAG, "containers-3", {"first does": SLEEP})
    wait_until(podman.containers)
    os.kill(deployed.tasks(DAG, "containers-3")["first", -1]["pid"], signal.SIGKILL)
    wait_until(lambda: not podman.containers())
    assert deployed.wait(DAG, "containers-3") == "failed"
    assert states(deployed, "containers-3")["first"] == "error"
