"""Write the record of a run from what Airflow's database holds, while other processes do the same."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("airflow.sdk")

from airflow_plugin.recovery import rewrite
from translator.shim.contract import State
from translator.shim.outcome.run_record import RunRecord
from translator.shim.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Id:
    """What tells the attempts of a run apart."""

    started: str = "2026-01-01"
    clear_number: int = 0


@dataclass(frozen=True)
class StoredRun:
    """What a process has seen of a run in the database: here one task."""

    task: str
    state: str
    row: int = 1
    id: Id = field(default_factory=Id)
    pipeline: str = "p"
    default_args: Mapping[str, Any] = field(default_factory=dict)

    def folder(self, _: Any) -> str:
        return "run"


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any] | None]:
    """Write the record, while other processes do what is listed; return it."""
    monkeypatch.setenv("TRANSLATOR_STORE", str(tmp_path))
    path = tmp_path / "p" / "run" / "run.json"
    path.parent.mkdir(parents=True)

    def put(document: dict[str, Any]) -> None:
        path.write_text(json.dumps({"pipeline": "p", "run": "run", "engine": "airflow", "started": "then", **document}))

    def record(_: Any, seen: StoredRun, *, marked: str | None, ended: State | None, started: Any) -> RunRecord:
        for step in meanwhile:
            step()
        meanwhile.clear()
        state = ended or (State.ERROR if seen.task == "failed" else State.COMPLETE)
        put({"state": state.value, "task": seen.task, **({"marked": marked} if marked else {})})
        return RunRecord(state, json.loads(path.read_text()), open_store(str(tmp_path)).uri("p/run/run.json"))

    meanwhile: list[Callable[[], Any]] = []
    database: list[StoredRun | None] = []
    monkeypatch.setattr(rewrite, "_record", record)
    monkeypatch.setattr(rewrite, "look", lambda *_, **__: database[-1])
    monkeypatch.setattr(rewrite, "exists", lambda row: database[-1] is not None and database[-1].row == row)
    monkeypatch.setattr("translator.shim.clock.format_time", str)

    def write(
        before: StoredRun, document: dict[str, Any], after: StoredRun | None, late: dict[str, Any] | None = None
    ) -> dict[str, Any] | None:
        if document:
            put(document)
        database.append(before)
        meanwhile.append(lambda: database.append(after))
        if late is not None:
            meanwhile.append(lambda: put(late))
        rewrite.write("p", "run", ended=bool(document))
        if not path.exists():
            return None
        found = json.loads(path.read_text())
        return {name: found[name] for name in ("state", "task", "marked") if name in found}

    return write


def test_a_task_that_is_marked_while_the_record_is_written(written: Callable[..., Any]) -> None:
    late = {"state": "complete", "task": "failed"}
    found = written(StoredRun("success", "success"), {"state": "complete"}, StoredRun("failed", "success"), late)
    assert found == late


def test_a_run_that_is_marked_while_the_record_is_written(written: Callable[..., Any]) -> None:
    late = {"state": "error", "task": "success", "marked": "failed"}
    found = written(StoredRun("success", "success"), {"state": "complete"}, StoredRun("success", "failed"), late)
    assert found == late


def test_a_run_that_is_cleared_and_ends_while_the_record_is_written(written: Callable[..., Any]) -> None:
    late = {"state": "complete", "task": "success"}
    found = written(
        StoredRun("failed", "failed"), {"state": "error"}, StoredRun("success", "success", id=Id(clear_number=1)), late
    )
    assert found == late


@pytest.mark.parametrize("after", [None, StoredRun("failed", "failed", row=2)])
def test_a_run_that_is_deleted_while_the_record_is_written(
    written: Callable[..., Any], after: StoredRun | None
) -> None:
    """Also if another run has its id at once."""
    record = {"state": "complete", "task": "success"}
    assert written(StoredRun("failed", "success"), record, after) == record
    assert written(StoredRun("failed", "failed"), {}, after) == record


def test_a_run_without_a_record_that_is_deleted_gets_none(written: Callable[..., Any]) -> None:
    assert written(StoredRun("failed", "failed"), {}, None) is None
