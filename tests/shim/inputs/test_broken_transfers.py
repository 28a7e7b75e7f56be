"""Test downloads from stores that break off, change or damage files: the file is right, or the reason says why not."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fsspec
import pytest
from fsspec.spec import AbstractBufferedFile, AbstractFileSystem

from translator.shim.contract import Input, State, Step
from translator.shim.files import abandon, resumable
from translator.shim.files.digest import no_pulse
from translator.shim.inputs.fetch import FetchError, fetch
from translator.shim.store import open_store, stated

if TYPE_CHECKING:
    from tests.shim.conftest import Worker

BLOCK = 100_000
CONTENT = bytes(range(256)) * 2000
MD5 = hashlib.md5(CONTENT).digest()  # noqa: S324 - stores state it


class BotoCredentialsError(Exception):
    """Stands in for an exception of a store's library that is not an OSError."""


class StatusError(Exception):
    """Stands in for exceptions of aiohttp, gcsfs and azure-core, which have a status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status


@dataclass
class Behaviour:
    """What the store does: the file, what it states, and what happens at each read of a block."""

    content: bytes = CONTENT
    facts: dict[str, Any] = field(default_factory=lambda: {"ETag": '"v1"'})
    at_read: Callable[[int, int], bytes | None] = lambda number, start: None
    """Called with the number and the position of a read; returns what is read instead of the content."""
    reads: list[int] = field(default_factory=list)
    opened: int = 0


behaviour = Behaviour()


class BrokenFile(AbstractBufferedFile):
    """A file whose blocks come as the test says."""

    def _fetch_range(self, start: int, end: int) -> bytes:
        behaviour.reads.append(start)
        instead = behaviour.at_read(len(behaviour.reads), start)
        return behaviour.content[start:end] if instead is None else instead


class BrokenFileSystem(AbstractFileSystem):
    """A file system with one file."""

    protocol = "broken"
    cachable = False

    def info(self, path: str, **kwargs: Any) -> dict[str, Any]:
        return {"name": path, "type": "file", "size": len(behaviour.content), **behaviour.facts}

    def _open(self, path: str, mode: str = "rb", **kwargs: Any) -> BrokenFile:
        behaviour.opened += 1
        return BrokenFile(self, path, mode, block_size=BLOCK, cache_type="none")


@pytest.fixture(autouse=True)
def _broken(monkeypatch: pytest.MonkeyPatch) -> None:
    global behaviour  # noqa: PLW0603 - fsspec makes the file system
    behaviour = Behaviour()
    monkeypatch.setattr(resumable, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(abandon, "EVERY", 0.02)
    monkeypatch.setattr("translator.shim.files.digest.BLOCK", BLOCK)
    fsspec.register_implementation("broken", BrokenFileSystem, clobber=True)


def get(tmp_path: Path) -> bytes:
    target = tmp_path / "target"
    size, sha256 = fetch("broken://bucket/file", target, tmp_path)
    content = target.read_bytes()
    assert (size, sha256) == (len(content), hashlib.sha256(content).hexdigest())
    return content


def fails_at(*numbers: int, error: Exception | None = None) -> Callable[[int, int], bytes | None]:
    def at_read(number: int, start: int) -> bytes | None:
        if number in numbers:
            raise error or ConnectionResetError(104, "Connection reset by peer")
        return None

    return at_read


def test_a_broken_transfer_is_resumed(tmp_path: Path) -> None:
    behaviour.at_read = fails_at(3, 5)
    assert get(tmp_path) == CONTENT
    assert behaviour.opened == 3
    assert behaviour.reads == [0, 100_000, 200_000, 200_000, 300_000, 300_000, 400_000, 500_000]


@pytest.mark.parametrize("error", [StatusError(503), StatusError(429), TimeoutError("slow"), RuntimeError("payload")])
def test_temporary_exceptions_of_libraries_are_retried(tmp_path: Path, error: Exception) -> None:
    behaviour.at_read = fails_at(2, error=error)
    assert get(tmp_path) == CONTENT


def test_without_a_version_a_transfer_begins_again(tmp_path: Path) -> None:
    behaviour.facts = {}
    behaviour.at_read = fails_at(3)
    assert get(tmp_path) == CONTENT
    assert behaviour.reads[:4] == [0, 100_000, 200_000, 0]


def test_a_file_that_changes_meanwhile_is_read_again(tmp_path: Path) -> None:
    other = CONTENT[::-1][:450_000]

    def at_read(number: int, start: int) -> bytes | None:
        if number == 3:
            behaviour.content, behaviour.facts = other, {"ETag": '"v2"'}
            raise OSError("expired")
        return None

    behaviour.at_read = at_read
    assert get(tmp_path) == other
    assert behaviour.reads[2:4] == [200_000, 0]


@pytest.mark.parametrize(
    ("error", "reason", "opened"),
    [
        (PermissionError(13, "Access Denied"), "Access Denied", 1),
        (FileNotFoundError(2, "No such file"), "No such file", 1),
        (StatusError(403), "status 403", 1),
        (BotoCredentialsError("Unable to locate credentials"), "Unable to locate credentials", 1),
        (ConnectionResetError(104, "Connection reset by peer"), "Connection reset by peer", 4),
        (StatusError(500), "status 500", 4),
    ],
)
def test_failures_that_last_are_errors(tmp_path: Path, error: Exception, reason: str, opened: int) -> None:
    behaviour.at_read = fails_at(*range(100), error=error)
    with pytest.raises(FetchError) as raised:
        get(tmp_path)
    assert str(raised.value) == f"broken://bucket/file cannot be fetched: {reason}"
    assert behaviour.opened == opened


def test_a_file_that_is_too_short_is_tried_again(tmp_path: Path) -> None:
    behaviour.at_read = lambda number, start: b"" if number == 3 else None
    assert get(tmp_path) == CONTENT
    behaviour.at_read = lambda number, start: b"" if start >= 200_000 else None
    with pytest.raises(FetchError, match="the connection ended after 200000 of 512000 bytes"):
        fetch("broken://bucket/file", tmp_path / "short", tmp_path)


STATED = {
    "gcs": {"md5Hash": base64.b64encode(MD5).decode(), "generation": "1"},
    "azure": {"content_settings": {"content_md5": bytearray(MD5)}, "etag": "0x1"},
}


@pytest.mark.parametrize("store", STATED)
def test_a_digest_that_the_store_states_is_checked(tmp_path: Path, store: str) -> None:
    behaviour.facts = STATED[store]
    damaged = b"?" * BLOCK
    behaviour.at_read = lambda number, start: damaged if number == 2 else None
    assert get(tmp_path) == CONTENT
    assert behaviour.reads.count(0) == 2, "damaged, so from the start"
    behaviour.at_read = lambda number, start: damaged if start == BLOCK else None
    with pytest.raises(FetchError, match=r"it was damaged on its way: its MD5 is [0-9a-f]{32}, not [0-9a-f]{32}"):
        fetch("broken://bucket/file", tmp_path / "damaged", tmp_path)


def test_a_resumed_file_is_checked_as_a_whole(tmp_path: Path) -> None:
    behaviour.facts = STATED["gcs"]
    behaviour.at_read = fails_at(3)
    assert get(tmp_path) == CONTENT
    assert behaviour.reads.count(0) == 1


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"size": 5}, stated.Stated(5)),
        ({"size": 5, "mtime": 7.5}, stated.Stated(5, "size=5 mtime=7.5")),
        ({"size": 5, "ETag": '"0123456789abcdef0123456789abcdef"'},
         stated.Stated(5, 'size=5 ETag="0123456789abcdef0123456789abcdef"')),
        ({"size": 5, "generation": "1", "md5Hash": "bad"}, stated.Stated(5, "size=5 generation=1 md5Hash=bad")),
        ({"size": 5, "generation": "1", "contentEncoding": "gzip"}, stated.Stated(None, "size=5 generation=1")),
        ({"size": None, "content_settings": {"content_md5": None}}, stated.Stated()),
    ],
)  # fmt: skip
def test_what_stores_state(facts: dict[str, Any], expected: stated.Stated) -> None:
    assert stated.of_facts(facts) == expected


def test_an_execution_has_the_file(worker: Worker) -> None:
    behaviour.at_read = fails_at(2, 4)
    manifest = worker.run(Step("s", ["wc -c < $VH_INPUTS_DIR/in/file"], inputs=[Input("in", ["broken://bucket/file"])]))
    assert (manifest.state, worker.output) == (State.COMPLETE, [str(len(CONTENT))]), manifest.reason


def test_artifacts_of_a_store_are_resumed_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store("memory://resumed")
    (tmp_path / "made").write_bytes(CONTENT)
    record = store.put(tmp_path / "made", "p/r/made")
    opened = 0

    def breaks(path: str, mode: str) -> io.BytesIO:
        nonlocal opened
        opened += 1
        if opened == 1:
            raise ConnectionResetError(104, "Connection reset by peer")
        return io.BytesIO(CONTENT)

    monkeypatch.setattr(store, "_fs", type("Breaking", (), {"open": staticmethod(breaks)})())
    store.bring(record, tmp_path / "brought", no_pulse)
    assert (tmp_path / "brought").read_bytes() == CONTENT


def test_a_sha256_that_s3_states_is_checked(s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import s3fs

    system = s3fs.S3FileSystem()
    right = base64.b64encode(hashlib.sha256(CONTENT).digest()).decode()
    system.call_s3("put_object", Bucket="bucket", Key="summed", Body=CONTENT, ChecksumAlgorithm="SHA256")
    system.pipe_file("bucket/plain", CONTENT)
    with system.open("bucket/summed", "rb") as opened:
        facts = stated.of_file(system, "bucket/summed", opened)
    assert facts.digests == {"sha256": base64.b64decode(right).hex()}
    with system.open("bucket/plain", "rb") as opened:
        assert stated.of_file(system, "bucket/plain", opened).digests == {}, "its ETag is not a digest"
    size, _ = fetch("s3://bucket/summed", tmp_path / "whole", tmp_path)
    assert size == len(CONTENT)
    monkeypatch.setattr(stated, "_sha256", lambda system, path: "0" * 64)
    with pytest.raises(FetchError, match=r"its SHA-256 is [0-9a-f]{64}, not 0{64}"):
        fetch("s3://bucket/plain", tmp_path / "damaged", tmp_path)
