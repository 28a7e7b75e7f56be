"""Provide Airflow, once per session: ``dag.test()`` in its own process, and a real scheduler."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.airflow.scheduler import Airflow, running
from tests.parity.engines import Engine, started
from translator.targets import GenerateOptions, airflow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from translator.ir import Pipeline, Value


@dataclass
class Embedded:
    """Runs pipelines by ``dag.test()``, one after another in one process."""

    engine: Engine
    project: Path
    count: int = 0

    def run(self, pipeline: Pipeline, parameters: dict[str, Value] | None = None) -> dict[str, Any]:
        """Compile and run a pipeline; returns its ``run.json``, with the exit status as key ``status``."""
        return self.run_in(self.project, pipeline, parameters)

    def run_in(self, project: Path, pipeline: Pipeline, parameters: dict[str, Value] | None = None) -> dict[str, Any]:
        """Do the same for a pipeline whose file is in the directory ``project``."""
        self.count += 1
        run = f"run-{self.count}"
        # Its own name: the API that dag.test() has in its process remembers DAGs by their id.
        pipeline = replace(pipeline, name=f"{pipeline.name} {self.count}")
        file = self.engine.home / "dags" / f"{run}.py"
        options = GenerateOptions(project=os.path.relpath(project, file.parent))
        file.write_text(airflow.generate(pipeline, options))
        store = self.engine.home / "store"
        home = self.engine.home
        command = airflow.run_command(
            file, store=str(store), run=run, project=project, parameters=parameters or {}, home=home, jobs=1
        )
        status = self.engine.run(command[3:])
        found = list(store.glob(f"*/{run}/run.json"))
        assert found, f"no run.json, status {status}:\n{self.engine.tail(120)}"
        return json.loads(found[0].read_text()) | {"status": status}


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    pytest.importorskip("airflow.sdk")
    project = tmp_path_factory.mktemp("project")
    with started("airflow", tmp_path_factory.mktemp("embedded")) as engine:
        yield Embedded(engine, project)


@pytest.fixture(scope="session")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airflow]:
    pytest.importorskip("airflow.sdk")
    with running(tmp_path_factory.mktemp("airflow") / "home") as started_airflow:
        yield started_airflow


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a scheduler, so that ``.ci/check.py`` can run it beside what does not."""
    for item in items:
        if isinstance(item, pytest.Function) and {"scheduler", "deployed"} & set(item.fixturenames):
            item.add_marker("scheduler")
