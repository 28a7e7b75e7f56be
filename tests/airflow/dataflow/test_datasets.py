"""Test datasets, inputs given at launch and parts on a real scheduler, with Prefect in the same store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests import datasets

if TYPE_CHECKING:
    from tests.airflow.scheduler import Airflow
    from tests.datasets import Deployed

SETTINGS = '[defaults.airflow.dag]\nstore_connection = "datasets"'


@pytest.fixture(scope="module", params=datasets.KINDS)
def store(request: pytest.FixtureRequest, scheduler: Airflow) -> Iterator[Deployed]:
    """Deploy the pipelines to the scheduler, with one store."""
    home = scheduler.home / f"datasets {request.param}"
    with datasets.deployed(request.param, "airflow", home, SETTINGS, scheduler.dags) as deployed:
        extra = json.dumps({"endpoint_url": deployed.options.get("endpoint_url")})
        connection = {"conn_type": "aws", "login": datasets.KEY, "password": datasets.KEY, "extra": extra}
        if request.param == "s3":
            scheduler.api("POST", "/api/v2/connections", {"connection_id": "datasets", **connection})
        wanted = {file.stem for file in deployed.files.values()}
        scheduler.wait_for_dags(*wanted)
        yield deployed


def test_latest_is_what_the_other_engine_made(scheduler: Airflow, store: Deployed) -> None:
    store.make_on("prefect", "v1")
    dag, part = store.files["use"].stem, store.files["part"].stem
    scheduler.trigger(dag, "use-1", {"use.inputs.extra": ["extra.txt"]})
    assert scheduler.wait(dag, "use-1") == "success", scheduler.tail()
    assert store.output("use-1", "use", "all.txt") == "v1\nextra\n"
    (execution,) = store.record("use-1")["nodes"]["use"]["executions"]
    assert [(one["written"], one["name"]) for one in execution["data"]] == [
        ("dataset://pictures/latest", "dataset://pictures/v1")
    ]

    make = store.files["make"].stem
    scheduler.trigger(make, "make-2", {"make.version": "v2"})
    assert scheduler.wait(make, "make-2") == "success", scheduler.tail()
    scheduler.trigger(part, "part-1")
    assert scheduler.wait(part, "part-1") == "success", scheduler.tail()
    assert store.record("part-1")["earlier_run"] == "use-1"
    assert store.output("part-1", "report", "report.txt") == "V1\nEXTRA\n"

    given = {
        "use.inputs.extra": ["extra.txt"],
        "use.inputs.data": ["dataset://pictures/v1", "dataset://pictures/latest"],
    }
    scheduler.trigger(dag, "use-2", given)
    assert scheduler.wait(dag, "use-2") == "success", scheduler.tail()
    assert store.output("use-2", "use", "all.txt") == "v2\nextra\n", "both have a file a.txt, and the last one counts"
    scheduler.trigger(make, "make-3", {"make.version": "v2"})
    assert scheduler.wait(make, "make-3") == "failed"
    (again,) = store.record("make-3", "Make")["nodes"]["make"]["executions"]
    assert "dataset://pictures/v2 exists already: node 'make' of run 'make-2'" in again["reason"]


def test_a_run_without_its_input_does_not_start(scheduler: Airflow, store: Deployed) -> None:
    with pytest.raises(OSError, match="400"):
        scheduler.trigger(store.files["use"].stem, "use-bad")
