"""Test what Airflow shows of a run of Loom: why tasks were skipped, labels, links, the trigger form, a stop."""

from __future__ import annotations

import os
import runpy
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from tests.loom_looks import LOOKS, SLEEPS, STATES, TASK
from tests.processes import process_of
from translator.load import load
from translator.targets import GenerateOptions, airflow

if TYPE_CHECKING:
    from airflow.sdk import DAG

    from tests.airflow.conftest import Embedded
    from tests.airflow.scheduler import Airflow


@dataclass(frozen=True)
class Ran:
    """A run that has ended: its record, what Airflow has of its task instances by task and index, and Airflow's log."""

    record: dict[str, Any]
    states: dict[tuple[str, int], str]
    labels: dict[tuple[str, int], str]
    log: str


@pytest.fixture(scope="module")
def ran(embedded: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    folder = tmp_path_factory.mktemp("looks")
    pipeline = load(LOOKS.write(folder)).choose()
    log = embedded.engine.home / "airflow.log"
    before = log.stat().st_size if log.exists() else 0
    record = embedded.run_in(folder, pipeline)
    with closing(sqlite3.connect(embedded.engine.home / "airflow.db")) as database:
        dag_id = f"loom_{embedded.count}"
        of_dag = "select task_id, map_index, state, rendered_map_index from task_instance where dag_id = ?"
        rows = database.execute(of_dag, [dag_id]).fetchall()
    return Ran(
        record,
        {(task, index): state for task, index, state, _ in rows},
        {(task, index): label for task, index, _, label in rows},
        log.read_bytes()[before:].decode(errors="replace"),
    )


def test_states_of_nodes_and_tasks(ran: Ran) -> None:
    assert {name: node["state"] for name, node in ran.record["nodes"].items()} == STATES
    assert (ran.record["state"], ran.record["status"]) == ("error", 1)  # one of its steps fails
    for task in ("first_look.describe", "after_describe", "draw.run", "turns_iteration_1.turn_iter1"):
        assert ran.states[task, -1] == "skipped"
    for task in ("after_draw", "draw.done", "turns", "first_look_.each.done"):
        assert ran.states[task, -1] == "success"
    assert [ran.states["in_order.run", index] for index in range(3)] == ["success", "failed", "skipped"]
    assert ran.states["in_order.done", -1] == "upstream_failed"


@pytest.mark.parametrize(
    "reason",
    [
        "this runs only if empty is true",
        "this runs only if include.draw is true",
        "this runs only if turns_stop_iter0 is false",
        "not started: an execution before this one failed",
    ],
)
def test_the_log_says_why_a_task_is_skipped(ran: Ran, reason: str) -> None:
    assert reason in ran.log


def test_executions_of_a_loop_are_named_after_their_files(ran: Ran) -> None:
    assert [ran.labels["first_look_.each.run", index] for index in range(3)] == ["a.txt", "b.txt", "c.txt"]
    assert [ran.labels["in_order.run", index] for index in range(2)] == ["a.txt", "b.txt"]


@pytest.fixture(scope="module")
def dag(tmp_path_factory: pytest.TempPathFactory) -> DAG:
    """Return the DAG as Airflow stores it, and as its API server returns it."""
    try:
        from airflow.serialization.serialized_objects import DagSerialization
    except ImportError:  # Airflow 3.1
        from airflow.serialization.serialized_objects import SerializedDAG as DagSerialization

    folder = tmp_path_factory.mktemp("looks")
    file = folder / "looks.py"
    file.write_text(airflow.generate(load(LOOKS.write(folder)).choose(), GenerateOptions()))
    return DagSerialization.from_dict(DagSerialization.to_dict(runpy.run_path(str(file))["dag"]))


@pytest.mark.parametrize(
    ("task", "node"),
    [
        ("first_look.make", "make"),
        ("first_look_.each.run", "each"),
        ("in_order.run", "in order"),
        ("draw.run", "draw"),
        ("after_draw", "after draw"),
    ],
)
def test_links_in_groups_lead_to_the_execution(dag: DAG, task: str, node: str) -> None:
    from airflow.models.taskinstancekey import TaskInstanceKey

    from airflow_plugin.console.attempts import execution_of
    from airflow_plugin.console.links import ManifestLink

    operator, key = dag.get_task(task), TaskInstanceKey("loom", task, "run-1", try_number=2, map_index=1)
    link = ManifestLink().get_link(operator, ti_key=key)
    assert urlsplit(link).path == f"/pipeline-translator/dags/loom/runs/run-1/tasks/{task}/1/2/manifest.json"
    assert execution_of(operator, key).node == node


def test_the_trigger_form_has_sections(dag: DAG) -> None:
    shown = {name: dag.params.get_param(name) for name in dag.params}
    assert dag.max_active_tasks == 4  # Loom's default for a loop with parallel executions
    assert (shown["include.draw"].schema["section"], shown["include.draw"].schema["type"]) == (
        "Optional steps",
        "boolean",
    )
    assert shown["include.draw"].description == "Whether the step draw is part of the run."
    assert shown["data.v"].schema["section"] == "Data"
    assert shown["data.v"].description == "A drawing. Written by draw; read by after draw."
    assert not any(name.startswith(("make.", "turn")) for name in shown)


def test_a_stop_ends_the_loop(scheduler: Airflow) -> None:
    project = scheduler.home / "sleeps"
    file = SLEEPS.write(project).rename(project / "sleeps.yml")
    options = GenerateOptions(project=os.path.relpath(project, scheduler.dags))
    (scheduler.dags / "sleeps.py").write_text(airflow.generate(load(file).choose(), options))
    deadline = time.monotonic() + 600

    def wait(what: Any) -> None:
        while not what():
            assert time.monotonic() < deadline, scheduler.tail()
            time.sleep(0.2)

    scheduler.wait_for_dags("sleeps")
    scheduler.trigger("sleeps", "sleeps-1")
    asleep = project / Path(TASK).parent / "asleep"
    wait(lambda: asleep.exists() and asleep.read_text())
    scheduler.api("PATCH", "/api/v2/dags/sleeps/dagRuns/sleeps-1", {"state": "failed"})
    wait(lambda: list(scheduler.store.glob("*/sleeps-1/run.json")))
    nodes = scheduler.record("sleeps-1")["nodes"]
    states = {name: node["state"] for name, node in nodes.items()}
    executions = nodes["sleep"]["executions"]
    assert states == {"make": "complete", "sleep": "stopped", "after": "stopped"}, executions
    assert {one["state"] for one in executions} == {"stopped"}
    assert process_of(asleep.read_text()) is None
