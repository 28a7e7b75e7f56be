"""Provide Airflow, once per session: ``dag.test()`` in processes of our own, and a real scheduler."""

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

    from tests.airflow.celery_workers import Celery
    from translator.ir import Pipeline, Value


@dataclass
class Embedded:
    """Runs pipelines by ``dag.test()``, one after another; all whose tasks run one by one, in one process."""

    engine: Engine
    project: Path
    count: int = 0

    def run(self, pipeline: Pipeline, parameters: dict[str, Value] | None = None) -> dict[str, Any]:
        """Compile and run a pipeline; returns its ``run.json``, with the exit status as key ``status``."""
        return self.run_in(self.project, pipeline, parameters)

    def run_in(self, project: Path, pipeline: Pipeline, parameters: dict[str, Value] | None = None) -> dict[str, Any]:
        """Do the same for a pipeline whose file is in the directory ``project``."""
        self.begin(pipeline, parameters, project=project, jobs=1)
        return self.end()

    def begin(
        self,
        pipeline: Pipeline,
        parameters: dict[str, Value] | None = None,
        *,
        project: Path | None = None,
        jobs: int,
    ) -> int:
        """Compile a pipeline and begin to run it, with so many tasks at once; return the process."""
        self.count += 1
        # Its own name: the API that dag.test() has in its process remembers DAGs by their id.
        pipeline = replace(pipeline, name=f"{pipeline.name} {self.count}")
        project, home = project or self.project, self.engine.home
        file = home / "dags" / f"{self._run}.py"
        options = GenerateOptions(project=os.path.relpath(project, file.parent))
        file.write_text(airflow.generate(pipeline, options))
        command = airflow.run_command(
            file,
            store=str(home / "store"),
            run=self._run,
            project=project,
            parameters=parameters or {},
            home=home,
            jobs=jobs,
        )
        return self.engine.begin(command[3:])

    def end(self) -> dict[str, Any]:
        """Wait until what was begun has ended; returns what ``run`` does."""
        status = self.engine.end()
        found = list((self.engine.home / "store").glob(f"*/{self._run}/run.json"))
        assert found, f"no run.json, status {status}:\n{self.engine.tail(120)}"
        return json.loads(found[0].read_text()) | {"status": status}

    @property
    def _run(self) -> str:
        return f"run-{self.count}"


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


@pytest.fixture(scope="session")
def celery() -> Iterator[Celery]:
    pytest.importorskip("airflow.sdk")
    from tests.airflow.celery_workers import celery

    with celery() as started_celery:
        yield started_celery


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a scheduler or workers, so that ``.ci/check.py`` can run it beside what does not."""
    for item in items:
        if not isinstance(item, pytest.Function):
            continue
        if "celery" in item.fixturenames:
            item.add_marker("celery")
        elif {"scheduler", "deployed"} & set(item.fixturenames):
            item.add_marker("scheduler")
