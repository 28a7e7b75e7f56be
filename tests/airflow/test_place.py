"""Where the page of a try looks in the store: where the task says, and only there where its pipeline may."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from translator.shim.store import open_store

if TYPE_CHECKING:
    from pathlib import Path

sdk_types = pytest.importorskip("airflow.sdk.types")


def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, named: Any, last: int | None = 3) -> str | None:
    from airflow_plugin.console import place

    store = open_store(str(tmp_path))
    named = {"manifest": store.uri(named)} if isinstance(named, str) else named
    monkeypatch.setattr(place, "pushed", lambda *_: named)
    monkeypatch.setattr(place, "last_try", lambda *_: last)
    key = sdk_types.TaskInstanceKey("dag", "train", "r", 2, -1)
    return place.folder_of(key, "My pipeline", store)


OWN = "My-pipeline-a7ed2d"


def test_tries_are_as_far_apart_as_in_airflow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from translator.shim.store import segment

    assert segment("My pipeline") == OWN
    assert folder(monkeypatch, tmp_path, f"{OWN}/r-2/train/0/try-3/manifest.json") == f"{OWN}/r-2/train/0/try-2"
    assert folder(monkeypatch, tmp_path, f"{OWN}/r/train/0/try-5/manifest.json") == f"{OWN}/r/train/0/try-4"
    assert folder(monkeypatch, tmp_path, f"{OWN}/r/train/0/try-3/manifest.json", last=None) is None


@pytest.mark.parametrize(
    "named",
    [
        None,
        "text",
        {"manifest": 7},
        {},
        {"manifest": "s3://elsewhere/manifest.json"},
        "Secret/r/train/0/try-3/manifest.json",
        f"{OWN}/../Secret/r/train/0/try-3/manifest.json",
        f"{OWN}/%2e%2e/Secret/train/0/try-3/manifest.json",
        f"{OWN}/r/train/0/try-3/outputs/try-3/manifest.json",
        f"{OWN}/r/train/0/try-3/other.json",
        f"{OWN}/r/train/0/try-x/manifest.json",
    ],
)
def test_what_is_no_try_of_the_pipeline_is_not_believed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, named: Any
) -> None:
    assert folder(monkeypatch, tmp_path, named) is None
