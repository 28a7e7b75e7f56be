"""Fetch snapshots from stores that may be hostile, on workers that may be poor."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import sys
import tarfile
import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from translator.shim import code
from translator.shim.code import CodeError, archive, snapshots
from translator.shim.code.cache import locked
from translator.shim.store import StoreError, open_store

if TYPE_CHECKING:
    from translator.shim.store import Store


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("TRANSLATOR_PROJECT", raising=False)
    return tmp_path / "cache" / "pipeline-translator" / "code"


@pytest.fixture(params=["", "memory://"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return open_store(f"{request.param}{tmp_path / 'store'}")


def stored(store: Store, content: bytes) -> str:
    """Put an archive into a store; return its digest."""
    digest = sha256(content).hexdigest()
    store.write(snapshots.key(digest), content)
    return digest


def packed(project: Path, *files: str) -> bytes:
    target = io.BytesIO()
    archive.pack(project, files, target)
    return target.getvalue()


def test_a_project_comes_as_it_was(store: Store, tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "deep" / "er").mkdir(parents=True)
    (project / "deep" / "er" / "größe.txt").write_bytes(b"\x00\xff" * 9_000)
    (project / "run").write_text("#!/bin/sh\n")
    (project / "run").chmod(0o750)
    (project / "empty").touch()
    (project / "link").symlink_to("deep/er")
    name = f"{code.SNAPSHOT}{stored(store, packed(project, 'deep/er/größe.txt', 'run', 'empty', 'link'))}"
    folder = code.directory(name, store)
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()) == [
        "deep/er/größe.txt",
        "empty",
        "run",
    ]
    assert (folder / "link" / "größe.txt").read_bytes() == b"\x00\xff" * 9_000
    assert stat.S_IMODE((folder / "run").stat().st_mode) == 0o755
    assert code.directory(name, store) == folder


def test_the_digest_depends_on_names_contents_and_modes_only(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for project, files in ((one, ("a", "b")), (other, ("b", "a"))):
        project.mkdir()
        for name in files:
            (project / name).write_text(name)
    os.utime(other / "a", (1, 1))
    (other / "b").chmod(0o600)
    assert packed(one, "a", "b") == packed(other, "b", "a")
    (other / "b").chmod(0o700)
    assert packed(one, "a", "b") != packed(other, "b", "a")


def test_a_directory_is_found_where_the_generated_file_or_the_worker_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert code.directory(tmp_path, "nowhere://") == tmp_path
    assert code.directory("/opt/project", "nowhere://") == Path("/opt/project")
    monkeypatch.setenv("TRANSLATOR_PROJECT", "/opt/here")
    assert code.directory(f"{code.SNAPSHOT}{'0' * 64}", "nowhere://") == Path("/opt/here")
    assert not code.is_fetched(f"{code.SNAPSHOT}{'0' * 64}")


@pytest.mark.parametrize("name", ["", "0" * 63, f"../{'0' * 61}", "A" * 64])
def test_only_digests_name_snapshots(store: Store, name: str) -> None:
    with pytest.raises(CodeError, match="does not name a snapshot"):
        snapshots.fetch(store, name)


def test_a_missing_snapshot(store: Store, cache: Path) -> None:
    with pytest.raises(CodeError, match=r"is not in the store: .*\n  put it there: translate again"):
        snapshots.fetch(store, "0" * 64)
    assert [path for path in cache.iterdir() if not path.name.endswith(".lock")] == []


def test_an_archive_that_does_not_match_its_digest_is_refused(store: Store, tmp_path: Path, cache: Path) -> None:
    (tmp_path / "a").write_text("a")
    digest = stored(store, packed(tmp_path, "a"))
    store.write(snapshots.key(digest), packed(tmp_path, "a") + b"\0")
    with pytest.raises(StoreError, match="has changed since it was published"):
        snapshots.fetch(store, digest)
    assert not (cache / digest).exists()


def entry(
    name: str, kind: bytes = tarfile.REGTYPE, target: str = "", content: bytes = b"evil"
) -> tuple[tarfile.TarInfo, bytes]:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, target
    content = content if kind == tarfile.REGTYPE else b""
    made.size = len(content)
    return made, content


@pytest.mark.parametrize(
    "entries",
    [
        [entry("../evil")],
        [entry("/evil")],
        [entry("a/../../evil")],
        [entry("link", tarfile.SYMTYPE, ".."), entry("link/evil")],
        [entry("link", tarfile.SYMTYPE, "../../..")],
        [entry("link", tarfile.SYMTYPE, "/etc/passwd")],
        [entry("a/link", tarfile.SYMTYPE, "../../evil")],
        [entry("hard", tarfile.LNKTYPE, "../../evil")],
        [entry("pipe", tarfile.FIFOTYPE)],
        [entry("device", tarfile.CHRTYPE)],
        [entry("twice"), entry("twice")],
        [entry("link", tarfile.SYMTYPE, "a"), entry("link")],
        [entry("file"), entry("file/below")],
    ],
)
def test_hostile_archives_are_refused(
    tmp_path: Path, cache: Path, entries: list[tuple[tarfile.TarInfo, bytes]]
) -> None:
    store = open_store(str(tmp_path / "store"))
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as made:
        for info, content in entries:
            made.addfile(info, io.BytesIO(content))
    digest = stored(store, target.getvalue())
    with pytest.raises(CodeError, match="is not valid"):
        snapshots.fetch(store, digest)
    assert [path for path in cache.iterdir() if not path.name.endswith(".lock")] == []
    assert not list(tmp_path.rglob("evil"))


@pytest.mark.parametrize("content", [b"", b"no archive", b"\0" * 10_240, b"x" * 600])
def test_no_archive(tmp_path: Path, content: bytes) -> None:
    store = open_store(str(tmp_path / "store"))
    digest = stored(store, content)
    if content == b"\0" * 10_240:  # an archive without files
        assert list(snapshots.fetch(store, digest).iterdir()) == []
        return
    with pytest.raises(CodeError, match="is not valid"):
        snapshots.fetch(store, digest)


def test_files_that_cannot_travel(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "out").symlink_to("/etc/hosts")
    (tmp_path / "up").symlink_to("../elsewhere")
    for name, reason in (("pipe", "not a file"), ("out", "not in the project"), ("up", "not in the project")):
        with pytest.raises(CodeError, match=reason):
            packed(tmp_path, name)
    with pytest.raises(CodeError, match="cannot be read"):
        packed(tmp_path, "gone")


def test_several_processes_fetch_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(str(tmp_path / "store"))
    (tmp_path / "a").write_text("a")
    digest = stored(store, packed(tmp_path, "a"))
    fetched = []
    bring = type(store).bring

    def slow(*arguments: object) -> None:
        fetched.append(1)
        time.sleep(0.3)
        bring(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(type(store), "bring", slow)
    with ThreadPoolExecutor(4) as threads:
        folders = set(threads.map(lambda _: snapshots.fetch(store, digest), range(4)))
    assert (len(folders), len(fetched)) == (1, 1)


def test_waiting_can_be_ended(tmp_path: Path, cache: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    (tmp_path / "a").write_text("a")
    digest = stored(store, packed(tmp_path, "a"))

    def stop() -> None:
        raise KeyboardInterrupt

    cache.mkdir(parents=True)
    with locked(cache / f".{digest}.lock", lambda: None), pytest.raises(KeyboardInterrupt):
        snapshots.fetch(store, digest, stop)
    assert (snapshots.fetch(store, digest) / "a").read_text() == "a"


def test_a_worker_whose_home_is_read_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    store = open_store(str(tmp_path / "store"))
    (tmp_path / "a").write_text("a")
    folder = snapshots.fetch(store, stored(store, packed(tmp_path, "a")))
    assert folder.is_relative_to(tmp_path / f"translator-code-{os.getuid()}")
    assert stat.S_IMODE((tmp_path / f"translator-code-{os.getuid()}").stat().st_mode) == 0o700


def test_what_nobody_has_used_for_a_month_is_removed(tmp_path: Path, cache: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    digests = []
    for name in ("old", "used", "new"):
        (tmp_path / name).write_text(name)
        digests.append(stored(store, packed(tmp_path, name)))
    old, used = (snapshots.fetch(store, digest) for digest in digests[:2])
    for folder in (old, used):
        os.utime(folder, (1, 1))
    snapshots.fetch(store, digests[1])
    snapshots.fetch(store, digests[2])
    assert [folder.is_dir() for folder in (old, used)] == [False, True]


def test_an_upload_that_is_cut_short_leaves_no_snapshot(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    (tmp_path / "archive").write_bytes(bytes(3 << 20))
    digest = sha256(bytes(3 << 20)).hexdigest()
    program = (
        "import os, sys\nfrom pathlib import Path\nfrom translator.shim.store import open_store\n"
        "open_store(sys.argv[1]).put(Path(sys.argv[2]), sys.argv[3], lambda: os.kill(os.getpid(), 9))\n"
    )
    arguments = [str(tmp_path / "store"), str(tmp_path / "archive"), snapshots.key(digest)]
    assert subprocess.run([sys.executable, "-c", program, *arguments], check=False).returncode == -9
    assert not snapshots.is_stored(store, digest)
    snapshots.put(store, tmp_path / "archive", digest)
    assert snapshots.is_stored(store, digest)


def test_a_snapshot_that_a_command_changed_is_fetched_again(store: Store, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("a")
    digest = stored(store, packed(tmp_path, "a.py"))
    folder = snapshots.fetch(store, digest)
    (folder / "__pycache__").mkdir()  # what Python leaves does not count
    (folder / "__pycache__" / "a.pyc").touch()
    assert snapshots.fetch(store, digest) == folder
    assert (folder / "__pycache__").is_dir()
    for change in (lambda: (folder / "a.py").write_text("b"), (folder / "new").touch):
        change()
        assert [path.name for path in snapshots.fetch(store, digest).iterdir()] == ["a.py"]
        assert (folder / "a.py").read_text() == "a"
