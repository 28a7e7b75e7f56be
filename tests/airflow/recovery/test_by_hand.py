"""Test what people do to a running run, and killed workers, on a real scheduler."""

from __future__ import annotations

import importlib
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from tests.airflow.pipelines import OK, Node, pipeline
from tests.airflow.scheduler import alive, task_runner, wait_until
from tests.processes import TELL, process_of
from translator.targets import GenerateOptions, airflow

if TYPE_CHECKING:
    from tests.airflow.scheduler import Airflow

SEEN = "ls /valohai/inputs/before; " + OK
DAGS = {
    "good": "by_hand",
    "bad": "by_hand",
    "go-on": "by_hand",
    "wrong": "by_hand",
    "killed": "by_hand",
    "late": "limited",
}


@pytest.fixture(scope="module")
def deployed(scheduler: Airflow) -> Airflow:
    """Start the scheduler and all runs: the first node sleeps, and one DAG has a time limit."""
    project = scheduler.home / "by_hand"
    project.mkdir(exist_ok=True)
    options = GenerateOptions(project=os.path.relpath(project, scheduler.dags))
    nodes = (Node("sleeper"), Node("after", SEEN, after=["sleeper"]), Node("last", after=["after"]))
    (scheduler.dags / "by_hand.py").write_text(airflow.generate(pipeline(*nodes, name="By hand"), options))
    limited = airflow.generate(pipeline(*nodes, name="Limited"), options)
    assert "schedule=None," in limited
    limit = "schedule=None,\n    dagrun_timeout=__import__('datetime').timedelta(hours=1),"
    (scheduler.dags / "limited.py").write_text(limited.replace("schedule=None,", limit))
    wanted = set(DAGS.values())
    scheduler.wait_for_dags(*wanted)
    for run, dag in DAGS.items():
        # Leaves a file, says which process it is, and would run for minutes.
        sleep = f"echo x > $VH_OUTPUTS_DIR/made; {TELL} > $TESTS_HOME/{run}.asleep"
        sleep = f"{sleep}; test -e $TESTS_HOME/{run}.mended || exec sleep 600"
        scheduler.trigger(dag, run, {"sleeper does": f"sh -c '{sleep}'"})
        asleep(scheduler, run)  # one after another: SQLite does not like them all at once
    return scheduler


def asleep(deployed: Airflow, run: str) -> int:
    """Wait until the first node of a run sleeps; returns the process that does."""
    told = deployed.home / f"{run}.asleep"
    wait_until(lambda: told.exists() and told.read_text())
    process = process_of(told.read_text())
    assert process is not None
    return process


def states(document: dict[str, Any]) -> dict[str, str]:
    return {name: node["state"] for name, node in document["nodes"].items()}


def mark(deployed: Airflow, run: str, instance: str = "", *, busy: bool = False, **what: str) -> str:
    """Mark a run, or an instance of it, while its first node sleeps, which ends then; returns how the run ends.

    On a ``busy`` machine, Airflow kills the process of the task before that can do anything.
    """
    pid = asleep(deployed, run)
    if busy:
        os.kill(task_runner(pid), signal.SIGSTOP)
    deployed.api("PATCH", f"/api/v2/dags/by_hand/dagRuns/{run}{instance}", what)
    wait_until(lambda: not alive(pid))
    return deployed.wait("by_hand", run)


def test_a_running_run_is_marked_as_success(deployed: Airflow) -> None:
    assert mark(deployed, "good", state="success") == "success"
    wait_until(lambda: list(deployed.store.glob("*/good/run.json")))
    document = deployed.record("good")
    assert (document["state"], document["marked"]) == ("complete", "success")
    # Before 3.3.1, Airflow marked what had not started, too. Since then, it skips that.
    mark_tasks = importlib.import_module("airflow.api.common.mark_tasks")
    later = "stopped" if hasattr(mark_tasks, "_set_dag_run_terminal_state") else "complete"
    assert states(document) == {"sleeper": "complete", "after": later, "last": later}


def test_a_running_run_is_marked_as_failed(deployed: Airflow) -> None:
    assert mark(deployed, "bad", busy=True, state="failed") == "failed"
    document = deployed.record("bad")
    assert (document["state"], document["marked"]) == ("stopped", "failed")
    assert states(document) == {"sleeper": "stopped", "after": "stopped", "last": "stopped"}
    # To continue, clear only what failed: that was running. What had not started is skipped.
    (deployed.home / "bad.mended").touch()
    deployed.api("POST", "/api/v2/dags/by_hand/dagRuns/bad/clear", {"dry_run": False, "only_failed": True})
    assert deployed.wait("by_hand", "bad") == "success"
    document = deployed.record("bad")
    assert states(document) == dict.fromkeys(("sleeper", "after", "last"), "complete")
    assert "marked" not in document


def test_an_execution_that_runs_is_marked_as_success(deployed: Airflow) -> None:
    assert mark(deployed, "go-on", "/taskInstances/sleeper", new_state="success") == "success"
    document = deployed.record("go-on")
    assert states(document) == dict.fromkeys(("sleeper", "after", "last"), "complete")
    assert document["nodes"]["sleeper"]["executions"][0]["marked"] == "success"
    assert (document["state"], "marked" in document) == ("complete", False)


def test_an_execution_that_runs_is_marked_as_failed(deployed: Airflow) -> None:
    assert mark(deployed, "wrong", "/taskInstances/sleeper", new_state="failed") == "failed"
    document = deployed.record("wrong")
    assert states(document) == {"sleeper": "error", "after": "stopped", "last": "stopped"}
    assert document["nodes"]["sleeper"]["executions"][0]["reason"] == "a person marked it as failed while it ran"


def test_a_worker_is_killed(deployed: Airflow) -> None:
    """The task's processes end without a word; what the next attempt makes replaces what is left of this one."""
    pid = asleep(deployed, "killed")
    runner = task_runner(pid)
    os.kill(runner, signal.SIGKILL)
    assert deployed.wait("by_hand", "killed") == "failed"
    wait_until(lambda: not alive(pid))
    document = deployed.record("killed")
    assert states(document) == {"sleeper": "error", "after": "stopped", "last": "stopped"}
    (execution,) = document["nodes"]["sleeper"]["executions"]
    assert "the worker was lost before the execution ended" in execution["reason"]


def test_a_run_takes_too_long(deployed: Airflow) -> None:
    pid = asleep(deployed, "late")
    deployed.let_be_old("late")
    assert deployed.wait("limited", "late") == "failed"
    wait_until(lambda: not alive(pid))
    wait_until(lambda: list(deployed.store.glob("*/late/run.json")))
    document = deployed.record("late")
    assert document["state"] == "stopped"
    assert states(document) == dict.fromkeys(("sleeper", "after", "last"), "stopped")
    assert document["nodes"]["sleeper"]["executions"][0]["tries"] == 1
    assert document["parameters"]["after does"] == SEEN
