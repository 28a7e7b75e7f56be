"""Run control-flow graphs on a real scheduler: a handled failure, nested maps, cleared tasks, a cancelled run."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from tests.airflow.scheduler import task_runner, wait_until
from tests.controlflow.run import recorded
from tests.processes import TELL, process_in
from translator.load import load_text
from translator.targets import GenerateOptions, airflow

if TYPE_CHECKING:
    from pathlib import Path

    from tests.airflow.scheduler import Airflow

SHOPS = """
dag:
  start_at: Flaky
  steps:
    Flaky: {type: task, command_type: shell, command: "exit 1", next: Shops, on_failure: Rescue}
    Rescue: {type: stub, next: Shops}
    Shops:
      type: map
      iterate_on: shops
      iterate_as: shop
      next: success
      branch:
        start_at: Days
        steps:
          Days:
            type: map
            iterate_on: days
            iterate_as: weekday
            next: close
            branch:
              start_at: sell
              steps:
                sell:
                  type: task
                  command_type: shell
                  command: test -e FOLDER/fixed || test "$MAGNUS_PRM_closed" != "$MAGNUS_MAP_VARIABLE"
                  next: success
                success: {type: success}
                fail: {type: fail}
          close: {type: stub, next: success}
          success: {type: success}
          fail: {type: fail}
    success: {type: success}
    fail: {type: fail}
"""
ASLEEP = """
dag:
  start_at: Both
  steps:
    Both:
      type: parallel
      next: After
      on_failure: After
      branches:
        One:
          start_at: sleep
          steps:
            sleep: {type: task, command_type: shell, command: 'TELL > FOLDER/branch; exec sleep 600', next: success}
            success: {type: success}
            fail: {type: fail}
    After: {type: stub, next: success}
    success: {type: success}
    fail: {type: fail}
"""


@pytest.fixture(scope="module")
def folder(scheduler: Airflow) -> Path:
    """Deploy the DAG files; return the directory that their commands write to, which is not in the project."""
    project = scheduler.home / "controlflow"
    project.mkdir()
    options = GenerateOptions(project=os.path.relpath(project, scheduler.dags))
    for name, text in {"shops": SHOPS, "asleep": ASLEEP}.items():
        pipeline = load_text(text.replace("FOLDER", str(scheduler.home)).replace("TELL", TELL), f"{name}.yaml").choose()
        (scheduler.dags / airflow.file_name(pipeline)).write_text(airflow.generate(pipeline, options))
    scheduler.wait_for_dags("shops", "asleep")
    return scheduler.home


def states(document: dict[str, Any]) -> dict[str, str]:
    return {path: of.rpartition(" ")[2] for path, of in recorded(document["nodes"]).items()}


def test_maps_in_a_map_and_a_task_that_is_cleared(scheduler: Airflow, folder: Path) -> None:
    given = {"shops": ["{{ 7 * 7 }}", "south"], "days": [1, 2], "closed": {"shop": "south", "weekday": 1}}
    scheduler.trigger("shops", "shops-1", given)
    assert scheduler.wait("shops", "shops-1") == "failed"
    found = states(scheduler.record("shops-1"))
    wrong = {"Flaky", "Shops", "Shops.1", "Shops.1.Days", "Shops.1.Days.0", "Shops.1.Days.0.sell"}
    assert {path for path, state in found.items() if state == "error"} == wrong
    assert {path for path, state in found.items() if state == "skipped"} == {"Shops.1.close"}
    tasks = scheduler.tasks("shops", "shops-1")
    shown = [(tasks["Shops.Days.each_weekday.sell", i]["rendered_map_index"], i) for i in range(4)]
    assert [label for label, _ in shown] == [f"shop={s}, weekday={d}" for s in ("{{ 7 * 7 }}", "south") for d in (1, 2)]
    run = "/api/v2/dags/shops/dagRuns/shops-1/taskInstances"
    for task, index, path in (("Days.each_weekday.sell", 2, "Shops.1.Days.0.sell"), ("Days.join", 1, "Shops.1.Days")):
        links = scheduler.api("GET", f"{run}/Shops.{task}/links?map_index={index}")["extra_links"]
        manifest = scheduler.api("GET", links["Manifest"].removeprefix(f"http://localhost:{scheduler.port}"))
        assert (manifest["node"], manifest["attempt"]) == (path, 1)

    (folder / "fixed").touch()
    cleared = {"dag_run_id": "shops-1", "task_ids": [["Shops.Days.each_weekday.sell", 2]], "include_downstream": True}
    options = {"dry_run": False, "only_failed": False, "reset_dag_runs": True}
    scheduler.api("POST", "/api/v2/dags/shops/clearTaskInstances", {**cleared, **options})
    wait_until(lambda: scheduler.state("shops", "shops-1") == "success")
    document = scheduler.record("shops-1")
    assert {path for path, state in states(document).items() if state != "complete"} == {"Flaky"}
    assert document["state"] == "complete"
    tries = scheduler.tasks("shops", "shops-1")
    assert {index: tries["Shops.Days.each_weekday.sell", index]["try_number"] for index in range(4)} == {
        0: 1,
        1: 1,
        2: 2,
        3: 1,
    }


def test_more_items_than_airflow_maps_over(scheduler: Airflow, folder: Path) -> None:
    """The limit is for one list, and that of a map in a map has the items of all items around it."""
    scheduler.trigger("shops", "shops-2", {"shops": ["north", "south"], "days": list(range(600))})
    assert scheduler.wait("shops", "shops-2") == "failed"
    document = scheduler.record("shops-2")
    shops = document["nodes"]["Shops"]
    assert (document["state"], shops["state"]) == ("error", "error")
    for branch in shops["branches"].values():
        assert {name: node["state"] for name, node in branch["nodes"].items()} == {"Days": "error", "close": "skipped"}
        reason = branch["nodes"]["Days"]["reason"]
        assert reason.startswith(
            "'days' has 1200 items, for all 2 items around it together; Airflow maps over at most 1024"
        )


def test_a_person_ends_the_run(scheduler: Airflow, folder: Path) -> None:
    scheduler.trigger("asleep", "asleep-1")
    wait_until(lambda: process_in(folder / "branch"))
    os.kill(
        task_runner(process_in(folder / "branch") or 0), signal.SIGSTOP
    )  # as on a busy machine: Airflow kills it before it can do anything
    scheduler.api("PATCH", "/api/v2/dags/asleep/dagRuns/asleep-1", {"state": "failed"})
    wait_until(lambda: process_in(folder / "branch") is None)
    assert scheduler.wait("asleep", "asleep-1", 180) == "failed"
    document = scheduler.record("asleep-1")
    assert document["state"] == "stopped"
    assert states(document) == {
        "Both": "stopped",
        "Both.One": "stopped",
        "Both.One.sleep": "stopped",
        "After": "skipped",
    }
