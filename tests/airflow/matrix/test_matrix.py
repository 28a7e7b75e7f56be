"""Run a pipeline once per combination of values on a real scheduler, and clear what failed."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from tests import matrices
from tests.airflow.scheduler import wait_until
from translator.targets import airflow

pytest.importorskip("airflow.sdk")

if TYPE_CHECKING:
    from tests.airflow.scheduler import Airflow


def test_a_dag_of_several_runs(scheduler: Airflow) -> None:
    project = scheduler.home / "several" / "project"
    project.mkdir(parents=True)
    home = project.parent / "home"
    matrices.write(airflow, project, scheduler.dags)
    scheduler.wait_for_dags("several", "several_matrix")
    scheduler.api("PATCH", "/api/v2/dags/several", {"is_paused": False})
    scheduler.trigger("several_matrix", "all")
    assert scheduler.wait("several_matrix", "all") == "failed"
    first = summary(scheduler)
    assert [one["parameters"] for one in first] == matrices.VALUES
    assert [(one["state"], one["run"]) for one in first] == [("complete", "all__0"), ("error", "all__1")]
    assert first[0]["metrics"] == {"train.score": 1}

    # The second attempt is stopped before any of its executions begins.
    body = {
        "dag_run_id": "all",
        "task_ids": [["start", 1], ["wait", 1], "summary"],
        "dry_run": False,
        "only_failed": False,
        "reset_dag_runs": True,
    }
    scheduler.api("PATCH", "/api/v2/dags/several", {"is_paused": True})
    scheduler.api("POST", "/api/v2/dags/several_matrix/clearTaskInstances", body)
    runs = "/api/v2/dags/several/dagRuns"
    wait_until(lambda: "all__1__2" in {run["dag_run_id"] for run in scheduler.api("GET", runs)["dag_runs"]})
    scheduler.api("PATCH", f"{runs}/all__1__2", {"state": "failed"})
    scheduler.api("PATCH", "/api/v2/dags/several", {"is_paused": False})
    assert scheduler.wait("several_matrix", "all") == "failed"
    assert scheduler.record("all__1__2")["nodes"]["prepare"]["executions"] == []

    # The third one has the results of what was complete in the first one; the other run is left as it is.
    (home / "mended").touch()
    scheduler.api("POST", "/api/v2/dags/several_matrix/clearTaskInstances", body)
    assert scheduler.wait("several_matrix", "all") == "success"
    second = summary(scheduler)
    assert [(one["state"], one["run"]) for one in second] == [("complete", "all__0"), ("complete", "all__1__3")]
    assert [(home / f"ran-{seed}").read_text() for seed in (1, 2)] == ["prepared\n", "prepared\n"]
    nodes = scheduler.record("all__1__3")["nodes"]
    assert nodes["prepare"]["executions"][0]["reused"] == "all__1/prepare/0/try-1"

    # What is complete is not started again, whoever clears it.
    body["task_ids"] = [["start", 0], ["wait", 0], "summary"]
    scheduler.api("POST", "/api/v2/dags/several_matrix/clearTaskInstances", body)
    assert scheduler.wait("several_matrix", "all") == "success"
    assert summary(scheduler) == second


class Instance:
    """A task that starts a run, of which there have been two: the second one was killed and left no record.

    Args:
        tried: what an execution of the second one has named.
    """

    map_index = 1

    def __init__(self, tried: str | None = None) -> None:
        self.tried = tried
        self.pushed: dict[str, str] = {}

    def get_dr_count(self, _: str, run_ids: list[str]) -> int:
        return int(run_ids[0] in {"all__1", "all__1__2"})

    def get_dagrun_state(self, *_: str) -> str:
        return "failed"

    def xcom_push(self, key: str, value: str) -> None:
        self.pushed[key] = value

    def get_task_states(self, run_ids: list[str], **_: str) -> dict[str, dict[str, str]]:
        return {run_ids[0]: {"prepare": "failed", "train.run_0": "success", "finish": "failed"}}

    def xcom_pull(self, run_id: str, key: str, task_ids: str, **_: str) -> Any:
        if run_id == "all__1":
            return "file:///store/several/all__1/run.json" if key == "document" else None
        named = {"manifest": self.tried, "map_index": 0}
        return [named] if self.tried is not None and (key, task_ids) == ("try", "train.run") else None


@pytest.mark.parametrize(
    ("tried", "resumed"),
    [(None, "all__1"), ("file:///store/several/all__1__2/train/0/try-1/manifest.json", "all__1__2")],
)
def test_a_run_without_a_record_does_not_hide_what_is_complete(
    monkeypatch: pytest.MonkeyPatch, tried: str | None, resumed: str
) -> None:
    from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator

    from airflow_plugin import StartRunOperator

    monkeypatch.setattr(TriggerDagRunOperator, "execute", lambda *_: None)
    start = StartRunOperator(task_id="start", trigger_dag_id="several", conf={"seed": 2})
    instance = Instance(tried)
    dag = SimpleNamespace(default_args={"store": "/store"})
    context: Any = {"ti": instance, "dag_run": SimpleNamespace(run_id="all"), "dag": dag}
    start.execute(context)
    assert start.conf == {"seed": 2, "_resumes": resumed}
    assert (start.trigger_run_id, instance.pushed) == ("all__1__3", {"run": "all__1__3"})


def summary(scheduler: Airflow) -> list[dict[str, Any]]:
    """Return the summary of the runs."""
    path = "/api/v2/dags/several_matrix/dagRuns/all/taskInstances/summary/xcomEntries/summary?deserialize=true"
    value = scheduler.api("GET", path)["value"]
    rows: list[dict[str, Any]] = json.loads(value) if isinstance(value, str) else value
    return rows
