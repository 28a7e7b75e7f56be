"""Test that large files travel to and from S3 in parts."""

from __future__ import annotations

import hashlib
import os
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from translator.shim.contract import ExecutionId
from translator.shim.files.digest import no_pulse
from translator.shim.store import StoreError, multipart, open_store, transfer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
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


def test_a_file_is_read_in_parts(store: Any, large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next ones are on their way while one is used; one that breaks off is read again, and those before it not."""
    (record,) = store.publish(IDENTITY, tmp_path, ["large"])
    begun: list[int] = []
    second = threading.Event()
    fetch = multipart._fetch

    def watched(system: Any, path: str, start: int, end: int) -> bytes:
        number = start // PART + 1
        begun.append(number)
        assert end - start <= PART
        if number == 1:
            assert second.wait(60), "parts are read one after another"
        elif number == 2:
            second.set()
        elif number == 4 and begun.count(4) == 1:
            raise ConnectionResetError("broken")
        return fetch(system, path, start, end)

    monkeypatch.setattr(multipart, "_fetch", watched)
    monkeypatch.setattr("translator.shim.files.resumable.FIRST_WAIT", 0.0)
    store.bring(record, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == large.read_bytes()
    assert [begun.count(number) for number in (1, 2, 3, 4)] == [1, 1, 1, 2]


def test_parts_of_another_version_are_noticed(store: Any, large: Path, tmp_path: Path) -> None:
    (record,) = store.publish(IDENTITY, tmp_path, ["large"])
    store._fs.pipe_file(store._path(store.key(record.uri)), b"x" * (2 * PART + 1))
    store._fs.invalidate_cache()
    with pytest.raises(StoreError, match="has changed since it was published"):
        store.bring(record, tmp_path / "again")


@pytest.mark.parametrize("blocked", [False, True], ids=["parts arrive", "parts do not arrive"])
def test_an_execution_is_stopped_meanwhile(
    store: Any, large: Path, monkeypatch: pytest.MonkeyPatch, *, blocked: bool
) -> None:
    """No parts stay although the process may end at once, and with it the thread that uploads."""
    sent, stopped, arrive = threading.Event(), threading.Event(), threading.Event()
    send = multipart._send

    def slow(system: Any, place: Mapping[str, str], number: int, block: bytes) -> Any:
        answer = send(system, dict(place), number, block)
        if number == 1:
            sent.set()
        else:
            (arrive if blocked else stopped).wait(60)
        return answer

    def pulse() -> None:
        if sent.is_set():
            stopped.set()
            raise Stop

    monkeypatch.setattr(multipart, "_send", slow)
    monkeypatch.setattr(transfer, "HURRY", 1.0 if blocked else 60.0)
    try:
        with pytest.raises(Stop):
            store.publish(IDENTITY, large.parent, ["large"], pulse)
        assert unfinished(store) == []
        assert [key for key in store.keys("P", "r") if "large" in key] == []
    finally:
        arrive.set()
    for thread in threading.enumerate():
        if thread.name in {"part", "transfer", "abort"}:
            thread.join(60)
    assert unfinished(store) == []


def test_an_upload_that_never_began_is_not_waited_for(tmp_path: Path) -> None:
    def pulse() -> None:
        raise Stop

    system = System()
    (tmp_path / "some").write_bytes(b"some")
    before = set(threading.enumerate())
    with pytest.raises(Stop):
        transfer.upload_in_parts(tmp_path / "some", system, "bucket/some", pulse)
    assert system.calls == []
    assert not [thread for thread in set(threading.enumerate()) - before if thread.name == "abort"]


class System:
    """S3 that takes everything, and answers with some fields for each part."""

    def __init__(self, **answer: str) -> None:
        self.answer = answer
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def split_path(self, path: str) -> tuple[str, str, None]:
        bucket, _, key = path.partition("/")
        return bucket, key, None

    def call_s3(self, method: str, **arguments: Any) -> dict[str, str]:
        self.calls.append((method, arguments))
        return {"UploadId": "u", "ETag": "e", **self.answer}


@pytest.mark.parametrize("name", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_checksums_of_parts_are_given_again(tmp_path: Path, name: str) -> None:
    system = System(**{f"Checksum{name}": "sum", "ChecksumType": "COMPOSITE", "ServerSideEncryption": "AES256"})
    (tmp_path / "some").write_bytes(b"some")
    transfer.upload_in_parts(tmp_path / "some", system, "bucket/some", no_pulse)
    method, arguments = system.calls[-1]
    assert method == "complete_multipart_upload"
    assert arguments["MultipartUpload"] == {"Parts": [{"PartNumber": 1, "ETag": "e", f"Checksum{name}": "sum"}]}


@pytest.mark.parametrize(("fit", "at_once"), [(100, 4), (4, 4), (3, 3), (2, 2), (1, 1), (0.5, 1)])
def test_large_parts_are_sent_fewer_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fit: float, at_once: int
) -> None:
    """No more of them are in memory than fit, but at least the one that is sent."""
    (tmp_path / "some").write_bytes(b"x" * 100)
    monkeypatch.setattr(multipart, "PART", 1)
    monkeypatch.setattr(multipart, "_MOST", 10)
    monkeypatch.setattr(multipart, "MEMORY", int(10 * fit))
    now = most = 0

    def begin(work: Callable[[], Any], name: str) -> SimpleNamespace:
        nonlocal now, most
        now += 1
        most = max(most, now)

        def result() -> Any:
            nonlocal now
            now -= 1
            return work()

        return SimpleNamespace(result=result)

    monkeypatch.setattr(multipart, "abandon", SimpleNamespace(begin=begin))
    system = System()
    transfer.upload_in_parts(tmp_path / "some", system, "bucket/some", no_pulse)
    assert most == at_once
    assert [len(arguments["Body"]) for method, arguments in system.calls if method == "upload_part"] == [10] * 10


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
