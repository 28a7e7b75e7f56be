"""Test the cache of engines' empty databases."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from translator.shim.embedded import database


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "pipeline-translator"


class Made:
    """An engine that counts how often it created its database."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "engine.db"
        self.count = 0

    def prepare(self, *packages: str) -> list[tuple[int]]:
        self.file.unlink(missing_ok=True)
        database.prepare(self.file, "engine", packages, self._migrate)
        with contextlib.closing(sqlite3.connect(self.file)) as connection:
            return connection.execute("SELECT number FROM migrated").fetchall()

    def _migrate(self) -> None:
        self.count += 1
        with contextlib.closing(sqlite3.connect(self.file)) as connection, connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("CREATE TABLE migrated (number)")
            connection.execute("INSERT INTO migrated VALUES (?)", (self.count,))


def test_a_database_is_created_once_per_set_of_packages(cache: Path, tmp_path: Path) -> None:
    made = Made(tmp_path)
    assert [made.prepare("a==1", "b==1"), made.prepare("b==1", "a==1"), made.prepare("a==2", "b==1")] == [
        [(1,)],
        [(1,)],
        [(2,)],
    ]
    assert len(list(cache.iterdir())) == 2


@pytest.mark.parametrize("damage", ["empty", "other", "short", "changed"])
def test_a_damaged_copy_is_replaced(cache: Path, tmp_path: Path, damage: str) -> None:
    made = Made(tmp_path)
    made.prepare("a==1")
    (file,) = cache.iterdir()
    whole = file.read_bytes()
    damaged = {
        "empty": b"",
        "other": b"no database",
        "short": whole[:-10],
        "changed": whole[:5000] + b"x" + whole[5001:],
    }
    file.write_bytes(damaged[damage])
    assert made.prepare("a==1") == [(2,)]
    assert made.prepare("a==1") == [(2,)]
    assert len(list(cache.iterdir())) == 1


def test_a_cache_that_others_can_write_to_is_not_used(cache: Path, tmp_path: Path) -> None:
    made = Made(tmp_path)
    made.prepare("a==1")
    cache.chmod(0o777)
    assert made.prepare("a==1") == [(2,)]


@pytest.mark.parametrize("place", ["/proc/nothing/here", "file"])
def test_without_a_cache_it_is_created_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / place))
    made = Made(tmp_path)
    assert [made.prepare("a==1"), made.prepare("a==1")] == [[(1,)], [(2,)]]


def test_what_fails_halfway_is_not_cached(cache: Path, tmp_path: Path) -> None:
    def fail() -> None:
        (tmp_path / "engine.db").write_bytes(b"half")
        raise OSError

    with pytest.raises(OSError):
        database.prepare(tmp_path / "engine.db", "engine", ["a==1"], fail)
    assert list(cache.iterdir()) == []
