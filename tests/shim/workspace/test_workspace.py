"""Test who may read workspaces, and where they can be created."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import pytest


@pytest.fixture
def base(worker, tmp_path: Path, monkeypatch) -> Path:
    """Return the directory of this user's workspaces, apart from the store, which is in memory."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    worker.uri = "memory://store"
    return tmp_path / "tmp" / f"translator-work-{os.getuid()}"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat(follow_symlinks=False).st_mode)


def test_other_users_cannot_read_workspaces(worker, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSLATOR_NAMESPACE", "never")  # in one, the path does not lead to the workspace's parents
    before = os.umask(0)
    try:
        manifest = worker.run('cd /valohai/inputs/../.. && stat -c %a . .. && stat -c %a "$TMPDIR"')
    finally:
        os.umask(before)
    assert manifest.state == "complete", manifest.reason
    assert worker.output == ["700", "700", "700"]
    assert list(base.iterdir()) == []


def test_other_users_cannot_read_workspaces_in_a_file_store(worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSLATOR_NAMESPACE", "never")  # as above
    assert worker.run('cd /valohai/inputs/../.. && stat -c %a . && stat -c %a "$TMPDIR"').state == "complete"
    assert worker.output == ["700", "700"]


def test_a_directory_of_an_earlier_version_is_closed_to_others(worker, base: Path) -> None:
    base.mkdir(mode=0o755)
    assert worker.run("true").state == "complete"
    assert mode(base) == 0o700


@pytest.mark.parametrize("flaw", ["another", "writable", "link", "file"])
def test_a_directory_that_others_could_have_created_is_rejected(
    worker, base: Path, tmp_path: Path, monkeypatch, flaw
) -> None:
    what = {"another": "belongs to another user", "link": "is a link", "file": "is not a directory",
            "writable": "is writable for other users (mode 0777)"}[flaw]  # fmt: skip
    match flaw:
        case "link":
            (tmp_path / "elsewhere").mkdir(mode=0o700)
            base.symlink_to(tmp_path / "elsewhere")
        case "file":
            base.touch()
        case _:
            base.mkdir()
            base.chmod(0o777 if flaw == "writable" else 0o700)
    if flaw == "another":
        uid = os.getuid()
        monkeypatch.setattr(os, "getuid", lambda: uid + 1)
        base.rename(base.with_name(f"translator-work-{uid + 1}"))
    manifest = worker.run("echo ran")
    assert manifest.state == "error"
    assert what in manifest.reason
    assert manifest.reason.endswith("remove it, or set TRANSLATOR_WORK to a directory of your own")
    assert worker.output == []


def test_directories_of_other_users_are_not_removed(worker, monkeypatch) -> None:
    base = Path(worker.uri) / ".work"
    victim = Path(tempfile.gettempdir()) / f"translator-work-test-{os.getpid()}"
    victim.mkdir()
    (base / "trap").mkdir(parents=True)
    (base / "trap" / ".elsewhere-0").symlink_to(victim)
    os.utime(base / "trap", (0, 0))
    try:
        worker.run("true")
        assert victim.is_dir()
    finally:
        victim.rmdir()
