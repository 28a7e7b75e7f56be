"""Test runs that time out before any of their tasks begin, when only the scheduler can write ``run.json``."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.airflow.scheduler import wait_until
from tests.controlflow.run import recorded
from translator.load import load
from translator.targets import GenerateOptions, airflow

if TYPE_CHECKING:
    from tests.airflow.scheduler import Airflow

CASES = Path(__file__).parents[2] / "goldens" / "cases"
FILES = {"choices": "loom/choices.yaml", "faces": "loom/faces.yaml", "nested": "magnus/nested.yaml"}
MORE = """
  - name: once_more
    task: tasks/skim.py
    inputs:
      raw: $raw
    outputs:
      -o: $more
"""


@pytest.fixture(scope="module")
def waiting(scheduler: Airflow) -> Airflow:
    """Start a scheduler with DAGs whose runs must end within an hour, and whose tasks never get a slot."""
    scheduler.api("POST", "/api/v2/pools", {"name": "closed", "slots": 0})
    for name, file in FILES.items():
        folder = scheduler.home / "waiting" / name
        folder.mkdir(parents=True)
        shutil.copy(CASES / file, folder)
        if (CASES / file).parent.name == "loom":
            shutil.copytree(CASES / "loom" / "tasks", folder / "tasks")
        deploy(scheduler, name)
    scheduler.wait_for_dags(*FILES)
    for name in FILES:
        scheduler.trigger(name, f"late-{name}", {"include.report": False} if name == "faces" else {})
    for name in FILES:
        time_out(scheduler, name)
    return scheduler


def deploy(scheduler: Airflow, name: str) -> None:
    """Put a DAG file in its place."""
    folder = scheduler.home / "waiting" / name
    pipeline = load(folder / f"{name}.yaml").choose()
    text = airflow.generate(pipeline, GenerateOptions(project=os.path.relpath(folder, scheduler.dags)))
    for old, new in {
        "schedule=None,": "schedule=None,\n    dagrun_timeout=__import__('datetime').timedelta(hours=1),",
        "default_args={": "default_args={'pool': 'closed', ",
    }.items():
        assert old in text
        text = text.replace(old, new)
    (scheduler.dags / f"waiting_{name}.py").write_text(text)


def time_out(scheduler: Airflow, name: str) -> None:
    """Let the run of a DAG be an hour old."""
    wait_until(lambda: scheduler.state(name, f"late-{name}") == "running")
    scheduler.let_be_old(f"late-{name}")


def record(scheduler: Airflow, name: str) -> dict[str, Any]:
    assert scheduler.wait(name, f"late-{name}") == "failed"
    wait_until(lambda: list(scheduler.store.glob(f"*/late-{name}/run.json")))
    return scheduler.record(f"late-{name}")


def states(document: dict[str, Any]) -> dict[str, str]:
    assert not any(node.get("executions") for node in document["nodes"].values())
    return {name: node["state"] for name, node in document["nodes"].items()}


def test_nodes_that_are_not_part_of_the_run_are_not_stopped(waiting: Airflow) -> None:
    document = record(waiting, "faces")
    assert document["state"] == "stopped"
    assert document["parameters"]["include.report"] is False
    found = states(document)
    assert found.pop("report") == "skipped"
    assert found.pop("refine") == "skipped"  # its condition has no verdict
    assert set(found.values()) == {"stopped"}


def test_a_dag_that_has_changed_before_its_run_is_cleared(waiting: Airflow) -> None:
    before = states(record(waiting, "choices"))
    chosen = {"skim": "skipped", "study": "stopped", "is_dirty": "stopped"}
    assert {name: before[name] for name in chosen} == chosen
    file = waiting.home / "waiting" / "choices" / "choices.yaml"
    text = file.read_text().replace("\nparameters:", "  more: {type: json, path: output/more.json}\n\nparameters:")
    file.write_text(text + MORE.lstrip("\n"))
    deploy(waiting, "choices")
    wait_until(lambda: waiting.api("GET", "/api/v2/dags/choices/dagVersions")["total_entries"] == 2)
    waiting.api("POST", "/api/v2/dags/choices/dagRuns/late-choices/clear", {"dry_run": False, "only_failed": False})
    time_out(waiting, "choices")
    assert waiting.wait("choices", "late-choices") == "failed"
    wait_until(lambda: "once_more" in waiting.record("late-choices")["nodes"])
    assert states(waiting.record("late-choices")) == before | {"once_more": "stopped"}


def test_a_control_flow_graph(waiting: Airflow) -> None:
    document = record(waiting, "nested")
    assert document["state"] == "stopped"
    found = {path: of.rpartition(" ")[2] for path, of in recorded(document["nodes"]).items()}
    assert found == {"list shops": "stopped", "per shop": "skipped", "report": "skipped"}
