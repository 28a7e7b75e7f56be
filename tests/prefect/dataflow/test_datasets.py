"""Test datasets, inputs given at launch and parts of deployed flows on a worker, with Airflow in the same store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("prefect")

from prefect.deployments import run_deployment

from prefect_plugin import ArtifactStore
from tests import datasets
from tests.prefect.dataflow.histories import POOL
from tests.prefect.support import flow_of

if TYPE_CHECKING:
    from tests.datasets import Deployed

SETTINGS = '[defaults.prefect.flow]\nstore_block = "datasets"'


@pytest.fixture(scope="module", params=datasets.KINDS)
def store(
    request: pytest.FixtureRequest, server: Any, worker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployed]:
    """Deploy the flows for the worker, with one store."""
    home = tmp_path_factory.mktemp("datasets") / request.param
    with datasets.deployed(request.param, "prefect", home, SETTINGS) as deployed:
        if request.param == "s3":
            ArtifactStore(uri="s3://unused", storage_options=dict(deployed.options)).save("datasets", overwrite=True)
        for name, file in deployed.files.items():
            made = flow_of(file)
            entrypoint = f"{file.name}:{made.fn.__name__}"
            made.from_source(source=str(deployed.project), entrypoint=entrypoint).deploy(
                name=f"{name}-{request.param}", work_pool_name=POOL, print_next_steps=False, ignore_warnings=True
            )
        yield deployed


@pytest.fixture
def run(store: Deployed) -> Callable[..., tuple[str, str]]:
    """Run a deployed flow on the worker; return the name of its state, and that of the run in the store."""

    def run_it(name: str, **parameters: Any) -> tuple[str, str]:
        flow = flow_of(store.files[name]).name
        flow_run = run_deployment(f"{flow}/{name}-{store.kind}", parameters=parameters, timeout=900, poll_interval=1)
        return flow_run.state.name, f"{flow_run.name}-{flow_run.id.hex[-8:]}"

    return run_it


def test_latest_is_what_the_other_engine_made(store: Deployed, run: Callable[..., tuple[str, str]]) -> None:
    store.make_on("airflow", "v1")
    state, first = run("use", use_inputs={"extra": ["extra.txt"]})
    assert state == "Completed"
    assert store.output(first, "use", "all.txt") == "v1\nextra\n"
    (execution,) = store.record(first)["nodes"]["use"]["executions"]
    assert [(one["written"], one["name"]) for one in execution["data"]] == [
        ("dataset://pictures/latest", "dataset://pictures/v1")
    ]

    state, second = run("make", make={"version": "v2"})
    assert state == "Completed"
    state, part = run("part")
    assert state == "Completed"
    assert store.record(part)["earlier_run"] == first
    assert store.output(part, "report", "report.txt") == "V1\nEXTRA\n"

    data = ["dataset://pictures/v1", "dataset://pictures/latest"]
    state, later = run("use", use_inputs={"extra": ["extra.txt"], "data": data})
    assert state == "Completed"
    assert store.output(later, "use", "all.txt") == "v2\nextra\n", "both have a file a.txt, and the last one counts"
    state, again = run("make", make={"version": "v2"})
    assert state == "Failed"
    (execution,) = store.record(again, "Make")["nodes"]["make"]["executions"]
    assert f"dataset://pictures/v2 exists already: node 'make' of run '{second}'" in execution["reason"]


def test_a_run_without_its_input_does_not_start(store: Deployed, run: Callable[..., tuple[str, str]]) -> None:
    with pytest.raises(Exception, match="use_inputs"):
        run("use")
