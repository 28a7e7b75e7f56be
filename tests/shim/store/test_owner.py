"""Test which directory of the store a run has: runs with equal names are kept apart, and tasks of one run agree."""

from __future__ import annotations

import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from translator.shim.store import StoreError, open_store
from translator.shim.store.owner import own_folder

if TYPE_CHECKING:
    from pathlib import Path

    from translator.shim.store import Store

NUMBERS = itertools.count()


@pytest.fixture(params=["folder", "object"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return open_store(str(tmp_path) if request.param == "folder" else f"memory://owner-{next(NUMBERS)}")


def folder(store: Store, owner: dict[str, str], own: bool = False) -> str:
    return own_folder(store, "A Pipeline", "r", owner, is_own=lambda _other, _uri: own)


def test_a_run_keeps_its_directory(store: Store) -> None:
    assert [folder(store, {"id": "1"}) for _ in range(3)] == ["r", "r", "r"]
    assert store.read_json("A-Pipeline-df1456/r/owner.json") == {"id": "1"}


def test_other_runs_with_the_same_name_get_their_own_directories(store: Store) -> None:
    assert [folder(store, {"id": i}) for i in "1232131"] == ["r", "r-2", "r-3", "r-2", "r", "r-3", "r"]


def test_the_engine_identifies_a_later_attempt_of_a_run(store: Store) -> None:
    folder(store, {"id": "1", "started": "a"})
    asked: list[Any] = []

    def is_own(other: Any, uri: str) -> bool:
        asked.append((other["started"], uri.removeprefix(store.root)))
        return True

    assert own_folder(store, "A Pipeline", "r", {"id": "1", "started": "b"}, is_own=is_own) == "r"
    assert asked == [("a", "/A-Pipeline-df1456/r")]


def test_tasks_that_begin_at_once_agree(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda i: (i % 3, folder(store, {"id": str(i % 3)})), range(24)))
    of_run = [{name for owner, name in found if owner == run} for run in range(3)]
    assert [len(names) for names in of_run] == [1, 1, 1]
    assert len(set.union(*of_run)) == 3


@pytest.mark.parametrize("content", ["", "{", '"text"', "[]"])
def test_an_owner_that_cannot_be_read(store: Store, content: str) -> None:
    store.write("A-Pipeline-df1456/r/owner.json", content.encode())
    try:
        json.loads(content)
    except ValueError:
        with pytest.raises(StoreError, match=r"owner\.json is not JSON"):
            folder(store, {"id": "1"})
    else:
        assert folder(store, {"id": "1"}) == "r-2"
