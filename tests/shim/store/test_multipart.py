"""Test uploads of large files to S3 in parts."""

from __future__ import annotations

import hashlib
import os
import threading
from typing import TYPE_CHECKING, Any

import pytest

from translator.shim.contract import ExecutionId
from translator.shim.store import StoreError, multipart, open_store

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from translator.shim.store import Store

PART = 5 << 20
IDENTITY = ExecutionId("P", "r", "n")


class Stop(BaseException):
    """The execution must stop."""


@pytest.fixture
def store(s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(multipart, "PART", PART)
    return open_store(f"{s3}/{tmp_path.name}")


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """Return a file of six parts, the last of which is short."""
    file = tmp_path / "large"
    file.write_bytes(os.urandom(5 * PART) + b"end")
    return file


def unfinished(store: Any) -> list[Any]:
    return list(store._fs.call_s3("list_multipart_uploads", Bucket="bucket").get("Uploads", []))


def test_a_file_is_what_it_was(store: Any, large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part that is sent before the one before it has its own place, and only a few are in memory at once."""
    numbers: list[int] = []
    now = most = 0
    lock, second = threading.Lock(), threading.Event()
    send = multipart._send

    def watched(system: Any, place: Mapping[str, str], number: int, block: bytes) -> Any:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        if number == 1:
            assert second.wait(60), "parts are sent one after another"
        answer = send(system, dict(place), number, block)
        with lock:
            now -= 1
            numbers.append(number)
        if number == 2:
            second.set()
        return answer

    monkeypatch.setattr(multipart, "_send", watched)
    (record,) = store.publish(IDENTITY, tmp_path, ["large"])
    assert (record.size, record.sha256) == (5 * PART + 3, hashlib.sha256(large.read_bytes()).hexdigest())
    assert sorted(numbers) == [1, 2, 3, 4, 5, 6]
    assert numbers.index(2) < numbers.index(1)
    assert most <= multipart.AT_ONCE
    store.bring(record, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == large.read_bytes()
    assert unfinished(store) == []


def test_an_execution_is_stopped_meanwhile(store: Any, large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = threading.Event()
    send = multipart._send

    def slow(*arguments: Any) -> Any:
        sent.set()
        return send(*arguments)

    def pulse() -> None:
        if sent.is_set():
            raise Stop

    monkeypatch.setattr(multipart, "_send", slow)
    with pytest.raises(Stop):
        store.publish(IDENTITY, large.parent, ["large"], pulse)
    for thread in threading.enumerate():
        if thread.name in {"part", "transfer"}:
            thread.join(60)
    assert unfinished(store) == []
    assert [key for key in store.keys("P", "r") if "large" in key] == []


def test_a_part_is_refused(store: Any, large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    send = multipart._send

    def refused(system: Any, place: Mapping[str, str], number: int, block: bytes) -> Any:
        if number == 3:
            raise PermissionError("not this one")
        return send(system, dict(place), number, block)

    monkeypatch.setattr(multipart, "_send", refused)
    with pytest.raises(StoreError, match="cannot be written: not this one"):
        store.publish(IDENTITY, large.parent, ["large"])
    assert unfinished(store) == []
