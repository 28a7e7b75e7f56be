"""Test where the page of a try looks in the store: where the task says, and only if its pipeline may be there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from translator.shim.errors import TranslatorError
from translator.shim.store import open_store

if TYPE_CHECKING:
    from pathlib import Path

sdk = pytest.importorskip("airflow.providers.common.compat.sdk")


def folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, named: Any, last: int | None = 3, key_of_xcom: str = "try"
) -> str:
    from airflow_plugin.console import attempts

    store = open_store(str(tmp_path))
    named = {"manifest": store.uri(named)} if isinstance(named, str) else named
    monkeypatch.setattr(attempts, "pushed", lambda *instance: named if instance[-1] == key_of_xcom else None)
    monkeypatch.setattr(attempts, "last_try", lambda *_: last)
    key = sdk.TaskInstanceKey("dag", "train", "r", 2, -1)
    return attempts.folder_of(key, "My pipeline", store)


OWN = "My-pipeline-a7ed2d"


def test_tries_are_as_far_apart_as_in_airflow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from translator.shim.store import segment

    assert segment("My pipeline") == OWN
    assert folder(monkeypatch, tmp_path, f"{OWN}/r-2/train/0/try-3/manifest.json") == f"{OWN}/r-2/train/0/try-2"
    assert folder(monkeypatch, tmp_path, f"{OWN}/r/train/0/try-5/manifest.json") == f"{OWN}/r/train/0/try-4"


def test_what_a_task_returned_names_the_try_of_a_reused_execution(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from airflow_plugin.console.attempts import UnknownAttemptError

    own = f"{OWN}/r/train/0/try-3"
    assert folder(monkeypatch, tmp_path, f"{own}/manifest.json", key_of_xcom="return_value") == f"{OWN}/r/train/0/try-2"
    with pytest.raises(UnknownAttemptError, match="does not belong to this run"):
        folder(monkeypatch, tmp_path, "Secret/r/train/0/try-3/manifest.json", key_of_xcom="return_value")


@pytest.mark.parametrize(
    ("owner", "believed"),
    [
        ({}, True),
        ({"run_id": "another"}, False),
        ({"dag_id": "another"}, False),
        ({"engine": "prefect"}, False),
    ],
)
def test_a_run_keeps_its_directory_when_the_pipeline_is_renamed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, owner: dict[str, str], believed: bool
) -> None:
    from airflow_plugin.console.attempts import UnknownAttemptError

    document = {"engine": "airflow", "dag_id": "dag", "run_id": "r", "started": "x"} | owner
    open_store(str(tmp_path)).write_json("Old-name/r-2/owner.json", document)
    named = "Old-name/r-2/train/0/try-3/manifest.json"
    if believed:
        assert folder(monkeypatch, tmp_path, named) == "Old-name/r-2/train/0/try-2"
    else:
        with pytest.raises(UnknownAttemptError, match="does not belong to this run"):
            folder(monkeypatch, tmp_path, named)


def test_an_owner_counts_more_than_a_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for content in ('{"engine": "airflow", "dag_id": "dag", "run_id": "another"}', "[]", "{"):
        open_store(str(tmp_path)).write(f"{OWN}/r/owner.json", content.encode())
        with pytest.raises(TranslatorError):
            folder(monkeypatch, tmp_path, f"{OWN}/r/train/0/try-3/manifest.json")


@pytest.mark.parametrize(
    ("named", "reason"),
    [
        (None, "the task has not started its command: it has no XCom 'try'"),
        ("text", "which does not belong to this run"),
        ({"manifest": 7}, "the XCom 'try' of the task does not name a manifest"),
        ({}, "the XCom 'try' of the task does not name a manifest"),
        ([], "the XCom 'try' of the task does not name a manifest"),
        ({"manifest": "s3://u:p@elsewhere/manifest.json"}, "the task wrote to s3://***@elsewhere/manifest.json, and"),
        ("Secret/r/train/0/try-3/manifest.json", "which does not belong to this run"),
        (f"{OWN}/../Secret/r/train/0/try-3/manifest.json", "is not"),
        (f"{OWN}/%2e%2e/Secret/train/0/try-3/manifest.json", "which does not belong to this run"),
        (f"{OWN}/r/train/0/try-3/outputs/try-3/manifest.json", "which does not belong to this run"),
        (f"{OWN}/r/train/0/try-3/other.json", "which does not belong to this run"),
        (f"{OWN}/r/train/0/try-x/manifest.json", "which does not belong to this run"),
    ],
)
def test_a_try_of_another_run_is_rejected(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, named: Any, reason: str
) -> None:
    from airflow_plugin.console.attempts import UnknownAttemptError

    with pytest.raises(UnknownAttemptError) as refused:
        folder(monkeypatch, tmp_path, named)
    assert reason in str(refused.value)


def test_a_removed_instance_has_no_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from airflow_plugin.console.attempts import UnknownAttemptError

    with pytest.raises(UnknownAttemptError, match="no longer exists in Airflow"):
        folder(monkeypatch, tmp_path, f"{OWN}/r/train/0/try-3/manifest.json", last=None)
