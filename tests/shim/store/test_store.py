"""Test that stores return what was published completely or not at all, for a directory and object stores."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from translator.shim.contract import Connection, ExecutionId, FileRecord, StoreAddress
from translator.shim.files.digest import of_file
from translator.shim.store import Store, StoreError, open_store, segment, try_key
from translator.shim.store.credentials import options_of
from translator.shim.store.files import FileStore
from translator.shim.store.objects import without_password

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NAMES = [
    "train", "Training Pipeline", "a b/c", "a b-c", "../x", "..", ".", "", "-", ".hidden", "class", "import os", "é",
    "☃", "\U0001f600", "x" * 100, "x" * 101, "a.b_c-d", "manual__2026-11-21T08:00:00+00:00", "-lead",
    "trail-", "a\x00b", "\ud800",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_segments_are_safe(name: str) -> None:
    found = segment(name)
    assert found not in {"", ".", ".."}
    assert "/" not in found
    assert not found.startswith(".")
    assert len(found) <= 107


def test_segments_are_never_shared() -> None:
    assert len({segment(name) for name in NAMES}) == len(NAMES)


@pytest.fixture(params=["folder", "file", "spaces", "memory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    kind = request.param
    uris = {
        "folder": str(tmp_path / "store"),
        "file": (tmp_path / "sto re").as_uri(),
        "spaces": str(tmp_path / "it's 100% ü #1?"),
        "memory": f"memory://{tmp_path.name}/deep",
    }
    if kind == "s3":
        return open_store(f"{request.getfixturevalue('s3')}/{tmp_path.name}")
    return open_store(uris[kind])


TRY = ExecutionId("Training Pipeline", "manual__2026-11-21T08:00:00+00:00", "train", 3, 1, "task")
FILES = {"model.pkl": b"model", "deep/er/a b.txt": b"", "ü#1?%41.bin": bytes(range(256)) * 5000}


def outputs(folder: Path, files: dict[str, bytes]) -> Path:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def published(store: Store, tmp_path: Path, files: dict[str, bytes] | None = None) -> list[FileRecord]:
    files = FILES if files is None else files
    identity = store.claim(TRY)
    scratch = store.scratch() or tmp_path
    return store.publish(identity, outputs(scratch / "outputs", files), sorted(files))


def test_artifacts_come_back_as_they_were(store: Store, tmp_path: Path) -> None:
    records = published(store, tmp_path)
    assert [record.path for record in records] == sorted(FILES)
    base = store.location("Training Pipeline", TRY.run, "train", 3, 1)
    for number, record in enumerate(records):
        target = tmp_path / str(number)
        store.bring(record, target)
        assert target.read_bytes() == FILES[record.path]
        assert (record.size, record.sha256) == (len(FILES[record.path]), of_file(target))
        assert target.stat().st_mode & 0o777 == 0o444
        assert record.uri.startswith(f"{base}/outputs/")
        assert store.owns(record.uri)


def test_documents_and_listings(store: Store) -> None:
    assert store.tries("Training Pipeline", TRY.run) == {}
    identity = store.claim(TRY)
    store.begin(identity, {"lr": 0.1}, "now")
    store.write_json("a/b.json", {"é": [1, None]})
    assert store.read_json("a/b.json") == {"é": [1, None]}
    with pytest.raises(FileNotFoundError):
        store.read("a/c.json")
    assert store.tries("Training Pipeline", TRY.run) == {("train", 3): {1: {"started.json"}}}
    assert store.tries("Training Pipeline", TRY.run, "train") == {("train", 3): {1: {"started.json"}}}
    assert store.tries("Training Pipeline", TRY.run, "trai") == {}
    # A try that has begun is never begun again.
    assert store.claim(TRY).attempt == 2


def test_a_changed_artifact_is_rejected(store: Store, tmp_path: Path) -> None:
    [record] = published(store, tmp_path, {"a": b"good"})
    if isinstance(store, FileStore):
        path = store.folder / store.key(record.uri)
        path.chmod(0o644)
        path.write_bytes(b"evil")
    else:
        store.write(store.key(record.uri), b"evil")
    with pytest.raises(StoreError, match="has changed since it was published: its SHA-256 is"):
        store.bring(record, tmp_path / "x")


def test_a_missing_artifact_is_reported(store: Store, tmp_path: Path) -> None:
    [record] = published(store, tmp_path, {"a": b"good"})
    store.discard(TRY)
    with pytest.raises(StoreError, match="is missing from the store"):
        store.bring(record, tmp_path / "x")


@pytest.mark.parametrize("path", ["../../../../../etc/passwd", "/etc/passwd", "..", "a/../../b", "%2e%2e/x"])
def test_no_uri_leaves_the_store(store: Store, tmp_path: Path, path: str) -> None:
    record = FileRecord("x", 1, "0" * 64, f"{store.root}/{path}")
    with pytest.raises(StoreError):
        store.bring(record, tmp_path / "x")


def test_a_failed_publication_leaves_nothing(store: Store, tmp_path: Path) -> None:
    identity = store.claim(TRY)
    folder = outputs((store.scratch() or tmp_path) / "outputs", {"a": b"1", "b": b"2"})
    blocks = []

    def pulse() -> None:
        blocks.append(1)
        if len(blocks) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.publish(identity, folder, ["a", "b"], pulse)
    with pytest.raises(FileNotFoundError):
        store.read(f"{try_key(identity)}/outputs/a")


def test_publishing_and_bringing_in_a_directory_moves_and_links(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    folder = outputs(store.scratch() / "outputs", {"a": b"1"})
    inode = (folder / "a").stat().st_ino
    [record] = store.publish(store.claim(TRY), folder, ["a"])
    store.bring(record, tmp_path / "x")
    assert (tmp_path / "x").stat().st_ino == inode


def test_a_copied_store_is_read_by_its_digests(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    records = published(store, tmp_path)
    shutil.copytree(tmp_path / "store", tmp_path / "copy")
    copy = open_store(str(tmp_path / "copy"))
    for number, record in enumerate(records):
        moved = FileRecord(record.path, record.size, record.sha256, copy.uri(store.key(record.uri)), record.stamp)
        copy.bring(moved, tmp_path / f"file{number}")
        assert (tmp_path / f"file{number}").read_bytes() == FILES[record.path]


def test_across_file_systems_files_are_copied(tmp_path: Path) -> None:
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is one file system only")
    away = other / f"translator-test-{os.getpid()}"
    store = open_store(str(tmp_path / "store"))
    try:
        folder = outputs(away / "outputs", FILES)
        records = store.publish(store.claim(TRY), folder, sorted(FILES))
        for number, record in enumerate(records):
            store.bring(record, away / str(number))
            assert (away / str(number)).read_bytes() == FILES[record.path]
            assert (away / str(number)).stat().st_mode & 0o777 == 0o444
    finally:
        shutil.rmtree(away)


def test_files_may_disappear_during_a_listing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """fsspec's memory takes the names first and looks each up then."""
    memory = pytest.importorskip("fsspec.implementations.memory").MemoryFileSystem
    store = open_store(f"memory://{tmp_path.name}")
    published(store, tmp_path)
    attempt, keys = store.claim(TRY).attempt, store.keys(TRY.pipeline, TRY.run)
    failures: list[Exception] = []

    def stumbling(method: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **options: object) -> object:
            if failures:
                raise failures.pop()
            return method(*arguments, **options)

        return call

    for name in ("ls", "find"):
        monkeypatch.setattr(memory, name, stumbling(getattr(memory, name)))
    failures[:] = [RuntimeError("dictionary changed size during iteration"), KeyError("gone")]
    assert store.keys(TRY.pipeline, TRY.run) == keys
    failures[:] = [RuntimeError("dictionary changed size during iteration"), KeyError("gone")]
    assert store.claim(TRY).attempt == attempt + 1


def test_tries_that_are_claimed_at_once_are_never_shared(store: Store) -> None:
    """A claim is looked at right after it is made, by as many as there are, without any help of the store."""
    claimed: list[int] = []
    start = threading.Barrier(12)

    def claim() -> None:
        start.wait()
        claimed.extend(store.claim(TRY).attempt for _ in range(2))

    threads = [threading.Thread(target=claim) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(claimed)) == 24
    assert store.claim(TRY).attempt == max(claimed) + 1
    assert store.tries(TRY.pipeline, TRY.run) == {}, "a claim alone does not begin a try"


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("nosuchthing://x/y", "cannot be opened"),
        ("file://", "does not name a directory"),
        ("a\x00b", "does not name a directory"),
    ],
)
def test_an_invalid_store_is_an_error(uri: str, message: str) -> None:
    with pytest.raises(StoreError, match=message):
        open_store(uri)


def test_passwords_are_not_stored() -> None:
    assert without_password("sftp://me:secret@host:22/a?b=c") == "sftp://me@host:22/a?b=c"
    assert without_password("s3://bucket/a") == "s3://bucket/a"


# Whole executions.


@pytest.mark.parametrize("uri", ["memory://executions", "s3"])
def test_executions_pass_artifacts_through_object_stores(worker, uri: str, request) -> None:
    from translator.shim.contract import Input, Step, output
    from translator.shim.inputs import edges

    worker.uri = request.getfixturevalue("s3") if uri == "s3" else uri
    made = worker.run("mkdir /valohai/outputs/d; echo hello > '/valohai/outputs/d/a b.txt'; exit 0")
    assert made.state == "complete", made.reason
    step = Step("use", ["cat '/valohai/inputs/data/d/a b.txt'"], inputs=[Input("data", keep_directories="full")])
    files = edges.files(step.inputs[0], [output("train", "*.txt")], "replace", {"train": [made]})
    used = worker.run(step, inputs={"data": files}, node="use")
    assert used.state == "complete", used.reason
    assert worker.output == ["hello"]
    assert worker.manifests() == [made, used]
    assert [one.id.attempt for one in (worker.run("true", node="use"), worker.run("true", node="use"))] == [2, 3]
    assert not list(worker.project.iterdir())


def test_the_manifest_is_the_commit_point(worker) -> None:
    """A worker that is killed while it publishes leaves no artifact, and its retry starts afresh."""
    first = worker.run("echo 1 > /valohai/outputs/a")
    (Path(worker.uri) / try_key(first.id, "manifest.json")).unlink()
    assert worker.manifests() == []
    second = worker.run("ls /valohai/outputs; echo 2 > /valohai/outputs/a", attempt=1)
    assert (second.id.attempt, worker.output) == (2, [])
    assert worker.manifests() == [second]


def test_a_store_that_cannot_be_created(worker, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    worker.uri = str(tmp_path / "file" / "store")
    manifest = worker.run("echo ran")
    assert (manifest.state, manifest.uri, worker.output) == ("error", "", [])
    assert manifest.reason == f"the store {worker.uri} cannot be written: Not a directory"


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of one megabyte."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    mounted = subprocess.run(mount, capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("needs the right to mount")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_read_only_store(worker, small: Path) -> None:
    worker.uri = str(small / "store")
    worker.run("true")
    subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
    manifest = worker.run("echo ran")
    assert (manifest.state, manifest.uri, worker.output) == ("error", "", [])
    assert manifest.reason == f"the store {worker.uri} cannot be written: Read-only file system"


@pytest.mark.parametrize("work", ["in the store", "elsewhere"])
def test_a_full_store(worker, small: Path, tmp_path: Path, monkeypatch, work: str) -> None:
    worker.uri = str(small / "store")
    if work == "elsewhere":
        monkeypatch.setenv("TRANSLATOR_WORK", str(tmp_path / "work"))
    manifest = worker.run("head -c 3000000 /dev/zero > /valohai/outputs/big")
    assert manifest.state == "error"
    assert "No space left on device" in manifest.reason
    assert manifest.outputs == [] or work == "in the store"
    [left] = worker.manifests()
    assert left == manifest
    folder = Path(worker.uri) / try_key(manifest.id, "outputs")
    assert [path.name for path in folder.glob("*")] == [record.path for record in manifest.outputs]


def test_a_store_that_fills_up_at_the_manifest(worker, monkeypatch) -> None:
    """The outputs fit and the manifest does not: no artifact is left, and the reason is."""
    real = FileStore.write
    refused = []

    def write(self: FileStore, key: str, content: bytes, *, lasting: bool = True) -> None:
        if key.endswith("manifest.json") and not refused:
            refused.append(key)
            raise StoreError(f"the store {self.folder} cannot be written: {os.strerror(errno.ENOSPC)}")
        real(self, key, content, lasting=lasting)

    monkeypatch.setattr(FileStore, "write", write)
    manifest = worker.run("echo a > /valohai/outputs/a")
    assert (manifest.state, manifest.outputs) == ("error", [])
    assert manifest.reason.endswith("No space left on device")
    assert not (Path(worker.uri) / try_key(manifest.id, "outputs")).exists()
    assert json.loads((Path(worker.uri) / try_key(manifest.id, "manifest.json")).read_text())["state"] == "error"


def test_a_store_is_opened_with_the_credentials_of_a_connection(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = os.environ["AWS_ENDPOINT_URL"]
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    extra = {"endpoint_url": endpoint, "region_name": "us-east-1", "storage_options": {"use_ssl": False}}
    options = options_of(s3, Connection("host", "login", "swordfish", extra=extra))
    assert options == {
        "key": "login",
        "secret": "swordfish",
        "endpoint_url": endpoint,
        "client_kwargs": {"region_name": "us-east-1"},
        "use_ssl": False,
    }
    address = StoreAddress(s3, options)
    assert "swordfish" not in repr(address)
    open_store(address).write("with/credentials", b"made")
    assert open_store(address).read("with/credentials") == b"made"


def test_other_stores_have_options_of_their_own() -> None:
    login = Connection("host", "name", "key", extra={"endpoint_url": "ignored"})
    assert options_of("abfs://container/x", login) == {"account_name": "name", "account_key": "key"}
    assert options_of("sftp://host/x", login) == {"username": "name", "password": "key"}
    assert options_of("gs://bucket", Connection(extra={"storage_options": {"token": "/key.json"}})) == {
        "token": "/key.json"
    }
