"""Test which directory a DAG run has, given what Airflow knows of the run and who owns the directory with its name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from translator.shim.store import open_store

if TYPE_CHECKING:
    from pathlib import Path

    from translator.shim.store import Store

pytest.importorskip("airflow.sdk")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path))


@dataclass
class Run:
    """A DAG run as a task sees it; ``hour`` is when its present attempt started."""

    hour: int
    dag_id: str = "training"
    clear_number: int = 0
    document: str | None = None
    resumes: str | None = None
    run_id: str = "scheduled__2026-11-27"
    run_after: datetime = datetime(2026, 11, 27, tzinfo=UTC)

    def folder(self, store: Store, tries: list[str] | None = None) -> str:
        from airflow_plugin.run.directory import run_directory

        dag_run = SimpleNamespace(
            dag_id=self.dag_id,
            run_id=self.run_id,
            run_after=self.run_after,
            start_date=datetime(2026, 11, 27, self.hour, tzinfo=UTC),
            clear_number=self.clear_number,
            conf={} if self.resumes is None else {"_resumes": self.resumes},
        )
        ti = SimpleNamespace(xcom_pull=lambda task_ids, key: self.document)
        context: Any = {
            "dag_run": dag_run,
            "ti": ti,
            "dag": SimpleNamespace(dag_display_name="Training", default_args={}),
        }
        return run_directory(context, store, tries or [])


ID = "scheduled__2026-11-27"


def test_a_run_that_resumes_another_one_records_it(store: Store) -> None:
    from translator.shim.outcome import resumed

    assert Run(1, run_id="first").folder(store) == "first"
    assert resumed.read(store, "Training", "first") is None
    Run(2, run_id="second", resumes="first").folder(store)
    Run(2, run_id="second", resumes="first").folder(store)
    assert resumed.read(store, "Training", "second") == "first"


def test_all_tasks_of_a_run_have_one_directory(store: Store) -> None:
    assert [Run(1).folder(store) for _ in range(3)] == [ID] * 3


def test_a_cleared_run_keeps_its_directory(store: Store) -> None:
    Run(1).folder(store)
    assert Run(2, clear_number=1).folder(store) == ID
    assert Run(3, clear_number=2).folder(store) == ID


def test_a_second_deployment_and_a_run_that_was_deleted_are_not_cleared_runs(store: Store) -> None:
    Run(1).folder(store)
    assert Run(2).folder(store) == f"{ID}-2"
    assert Run(2).folder(store) == f"{ID}-2"
    assert Run(1).folder(store) == ID


def test_a_second_dag_of_one_display_name(store: Store) -> None:
    Run(1).folder(store)
    assert Run(1, dag_id="other").folder(store) == f"{ID}-2"
    assert Run(9, dag_id="other", clear_number=1).folder(store) == f"{ID}-2"


def test_a_cleared_run_finds_its_own_directory_among_those_of_two_deployments(store: Store) -> None:
    Run(1).folder(store)
    second = Run(2)
    own = second.folder(store)
    assert own == f"{ID}-2"
    root = store.root + "/Training"
    again = replace(second, hour=3, clear_number=1)
    assert replace(again, document=f"{root}/{own}/run.json").folder(store) == own
    assert again.folder(store, [f"{root}/{own}/train/0/try-1/manifest.json"]) == own
    first = Run(4, clear_number=1, document=f"{root}/{ID}/run.json")
    assert first.folder(store) == ID


def test_a_command_names_the_run(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSLATOR_RUN", "mine")
    assert Run(1).folder(store) == "mine"
