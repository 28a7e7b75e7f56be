"""Test the catalogue of a store: versions are made once, aliases move, and only complete tries count."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from translator.shim.catalogue import stored
from translator.shim.catalogue.entries import Entry, Pointer
from translator.shim.catalogue.names import DataName, parse
from translator.shim.catalogue.stored import TakenError
from translator.shim.contract import ExecutionId, FileRecord, Manifest, State
from translator.shim.store import StoreError, open_store

if TYPE_CHECKING:
    from pathlib import Path

    from translator.shim.store import Store

MADE = "2026-11-28T14:00:00.000Z"
V1, V2 = parse("dataset://images/v1"), parse("dataset://images/v2")
LATEST, DEV = parse("dataset://images/latest"), parse("dataset://images/dev")
NEW_MODEL = DataName("model", "churn")
ONE, OTHER = ExecutionId("P", "run-1", "make"), ExecutionId("P", "run-2", "make")
HIDDEN = [".catalogue/dataset/images/versions/v1/000001.json", ".catalogue/datum/prod/0-x.json"]


@pytest.fixture(params=["folder", "memory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "s3":
        return open_store(f"{request.getfixturevalue('s3')}/{tmp_path.name}")
    return open_store(str(tmp_path / "store") if request.param == "folder" else f"memory://{tmp_path.name}/deep")


def file(store: Store, path: str = "a.txt", **properties: str) -> FileRecord:
    return FileRecord(path, 3, "0" * 64, store.uri(f"P/run-1/make/0/try-1/outputs/{path}"), properties=properties)


def end(store: Store, maker: ExecutionId, state: State = State.COMPLETE) -> None:
    store.commit(Manifest(maker, state, {}, {}, {}, (), MADE, MADE))


def made(store: Store, name: DataName, maker: ExecutionId | None = ONE, path: str = "a.txt") -> Entry:
    return stored.make(store, Entry(name, (file(store, path),), MADE, maker))


def test_a_version_is_there_once_its_maker_is_complete(store: Store) -> None:
    entry = stored.make(store, Entry(V1, (file(store, split="train"), "s3://bucket/*.jpg"), MADE, ONE))
    assert stored.find(store, V1) is stored.find(store, LATEST) is None
    end(store, ONE)
    assert stored.find(store, V1) == stored.find(store, LATEST) == entry
    assert entry.files[0].properties == {"split": "train"}


@pytest.mark.parametrize("state", [State.ERROR, State.STOPPED])
def test_what_a_failed_try_made_is_not_there_and_in_nobody_s_way(store: Store, state: State) -> None:
    made(store, V1)
    end(store, ONE, state)
    assert stored.find(store, V1) is None
    entry = made(store, V1, OTHER)
    end(store, OTHER)
    assert stored.find(store, V1) == entry


def test_a_version_is_made_by_one_execution(store: Store) -> None:
    entry = made(store, V1)
    with pytest.raises(TakenError, match="dataset://images/v1 is being made by node 'make' of run 'run-1' of 'P'"):
        made(store, V1, OTHER)
    end(store, ONE)
    with pytest.raises(TakenError, match="exists already: node 'make' of run 'run-1' of 'P' made it"):
        made(store, V1, OTHER)
    with pytest.raises(TakenError, match="exists already"):
        stored.add(store, V1, {}, ["s3://bucket/a"], MADE)
    assert stored.find(store, V1) == entry


def test_of_several_at_once_one_wins(store: Store) -> None:
    makers = [replace(ONE, run=f"run-{number}") for number in range(3)]

    def make(maker: ExecutionId) -> Entry | None:
        try:
            return made(store, V1, maker)
        except TakenError:
            return None

    with ThreadPoolExecutor(len(makers)) as pool:
        entries = list(pool.map(make, makers))
    winners = [entry for entry in entries if entry is not None]
    assert len(winners) == 1
    for maker in makers:
        end(store, maker)
    assert stored.find(store, V1) == winners[0]


def test_a_later_try_of_an_execution_replaces_its_version(store: Store) -> None:
    made(store, V1)
    end(store, ONE)
    again = replace(ONE, attempt=2)
    entry = made(store, V1, again, "b.txt")
    end(store, again)
    assert stored.find(store, V1) == entry


def test_a_later_try_that_fails_leaves_the_version(store: Store) -> None:
    entry = made(store, V1)
    end(store, ONE)
    again = replace(ONE, attempt=2)
    made(store, V1, again, "b.txt")
    assert stored.find(store, V1) == stored.find(store, LATEST) == entry
    end(store, again, State.ERROR)
    assert stored.find(store, V1) == entry
    with pytest.raises(TakenError, match="exists already"):
        made(store, V1, OTHER)


def test_of_several_after_a_failed_one_one_wins(store: Store) -> None:
    made(store, V1)
    end(store, ONE, State.ERROR)
    made(store, V1, OTHER)
    with pytest.raises(TakenError, match="is being made by node 'make' of run 'run-2'"):
        made(store, V1, replace(ONE, run="run-3"))


def test_a_version_can_be_made_again_after_it_was_removed(store: Store) -> None:
    made(store, V1, None)
    assert stored.remove(store, V1)
    entry = made(store, V1, OTHER, "b.txt")
    end(store, OTHER)
    assert stored.find(store, V1) == entry


def test_a_name_is_either_a_version_or_an_alias(store: Store) -> None:
    made(store, V1, None)
    stored.point(store, Pointer(DEV, V1, MADE))
    with pytest.raises(TakenError, match="cannot be a version, because there is an alias of that name"):
        made(store, DEV, None)


def test_what_is_broken_is_not_in_the_way_of_others(store: Store) -> None:
    made(store, V1, None)
    store.write(".catalogue/dataset/broken/versions/v1/000001.json", b"{")
    faults: list[str] = []
    assert [str(name) for name in stored.names(store, faults.append)] == ["dataset://images/"]
    assert len(faults) == 1


def test_the_latest_version_is_that_made_last(store: Store) -> None:
    made(store, V2)
    end(store, ONE)
    second = made(store, V1, OTHER)
    assert stored.find(store, LATEST).name == V2
    end(store, OTHER)
    assert stored.find(store, LATEST) == second


def test_models_are_numbered(store: Store) -> None:
    makers = [replace(ONE, index=number) for number in range(3)]
    names = [made(store, NEW_MODEL, maker).name for maker in makers]
    assert [str(name) for name in names] == ["model://churn/v1", "model://churn/v2", "model://churn/v3"]
    again = replace(makers[1], attempt=2)
    assert made(store, NEW_MODEL, again).name.version == "v2"
    assert made(store, NEW_MODEL, None).name.version == "v4"


def test_models_that_are_numbered_at_once_get_different_numbers(store: Store) -> None:
    makers = [replace(ONE, run=f"run-{number}") for number in range(3)]
    with ThreadPoolExecutor(len(makers)) as pool:
        versions = list(pool.map(lambda maker: made(store, NEW_MODEL, maker).name.version, makers))
    assert sorted(versions) == [f"v{number}" for number in range(1, 4)]


def test_an_alias_moves(store: Store) -> None:
    for name in (V1, V2):
        made(store, name, None)
        stored.point(store, Pointer(DEV, name, MADE))
    assert stored.find(store, DEV).name == V2
    assert [change.target for change in stored.history(store, DEV)] == [V1, V2]
    assert stored.aliases(store, V1) == {"dev": "v2", "latest": "v2"}
    with pytest.raises(TakenError, match="cannot be an alias, because there is a version of that name"):
        stored.point(store, Pointer(V1, V2, MADE))


def test_an_alias_of_a_datum_moves(store: Store) -> None:
    name = parse("datum://prod")
    for path, maker in (("a.txt", ONE), ("b.txt", OTHER)):
        made(store, name, maker, path)
    assert stored.find(store, name) is None
    end(store, ONE)
    assert stored.find(store, name).files[0].path == "a.txt"
    end(store, OTHER)
    assert stored.find(store, name).files[0].path == "b.txt"
    assert len(stored.history(store, name)) == 2


def test_what_is_removed_is_gone_and_aliases_fall_back(store: Store) -> None:
    for name in (V1, V2):
        made(store, name, None)
    assert stored.remove(store, V2)
    assert not stored.remove(store, V2)
    assert stored.find(store, V2) is None
    assert stored.find(store, LATEST).name == V1
    assert stored.remove(store, LATEST)
    assert stored.find(store, LATEST) is None
    made(store, parse("datum://x"), None)
    assert stored.remove(store, parse("datum://x"))
    assert stored.find(store, parse("datum://x")) is None


def test_names_and_versions_are_listed(store: Store) -> None:
    assert list(stored.names(store, print)) == []
    for name in ("dataset://b/1", "dataset://a b/2", "dataset://b/0", "datum://d"):
        made(store, parse(name), None)
    assert [str(name) for name in stored.names(store, print)] == ["datum://d", "dataset://a b/", "dataset://b/"]
    assert [entry.name.version for entry in stored.versions(store, parse("dataset://b/x"))] == ["0", "1"]
    assert store.tries("P", "run-1") == {}


def test_files_that_a_person_adds_are_copied(store: Store, tmp_path: Path) -> None:
    source = tmp_path / "source.txt"
    source.write_text("one")
    entry = stored.add(store, V1, {"deep/a.txt": source}, ["s3://bucket/b.txt"], MADE)
    source.write_text("other")
    record, uri = stored.find(store, V1).files
    assert (record.path, uri) == ("deep/a.txt", "s3://bucket/b.txt")
    store.bring(record, tmp_path / "brought.txt")
    assert (tmp_path / "brought.txt").read_text() == "one"
    assert entry.maker is None


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        "{}",
        '{"version": 2}',
        '{"version": 1, "name": "images/v1", "created": "", "maker": null, "files": []}',
        '{"version": 1, "name": "dataset://images/v1", "created": 1, "maker": null, "files": []}',
        '{"version": 1, "name": "dataset://images/v1", "created": "", "maker": {}, "files": []}',
        '{"version": 1, "name": "dataset://images/v1", "created": "", "maker": null, "files": [1]}',
        '{"version": 1, "name": "dataset://images/v1", "created": "", "maker": null, "files": [{"uri": 1}]}',
        json.dumps(
            {
                "version": 1,
                "name": "dataset://images/v1",
                "created": "",
                "maker": None,
                "files": [{"path": "../x", "size": 1, "sha256": "", "uri": "store:x", "stamp": ""}],
            }
        ),
        '{"version": 1, "name": "dataset://images/v1", "created": "", "maker": null, "target": "s3://x"}',
        f'{{"version": 1, "name": "dataset://x/1", "created": "", "maker": null, "files": {"[" * 300}{"]" * 300}}}',
    ],
)
def test_an_entry_that_somebody_broke_is_an_error(tmp_path: Path, content: str) -> None:
    store = open_store(str(tmp_path))
    store.write(HIDDEN[0], content.encode())
    with pytest.raises(StoreError, match=r"v1/000001\.json"):
        stored.find(store, V1)


def test_an_entry_survives_the_move_of_its_store(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "old"))
    made(store, V1, None)
    (tmp_path / "old").rename(tmp_path / "new")
    moved = open_store(str(tmp_path / "new"))
    assert stored.find(moved, V1).files[0].uri.startswith(f"{moved.root}/P/")
    assert "old" not in json.dumps(json.loads(moved.read(HIDDEN[0])))
