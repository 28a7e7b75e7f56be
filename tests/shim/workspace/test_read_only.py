"""Test how read-only files are found and taken while a command may change them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from translator.shim.workspace import read_only


def final(folder: Path, name: str = "f", content: str = "x") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    path.chmod(0o444)
    return path


def test_only_final_files_are_found(tmp_path: Path) -> None:
    out = tmp_path / "outputs"
    final(out, "b/c")
    final(out, "a")
    (out / "writable").write_text("")
    (out / "group").write_text("")
    (out / "group").chmod(0o464)
    os.mkfifo(out / "pipe", 0o444)
    os.link(final(out, "linked"), out / "other")
    (out / "soft").symlink_to("a")
    (out / "directory").symlink_to("b")
    assert [found.path for found in read_only.find(out)] == ["a", "b/c"]
    (tmp_path / "link").symlink_to(out)
    assert list(read_only.find(tmp_path / "link")) == []
    assert list(read_only.find(tmp_path / "missing")) == []
    assert list(read_only.find(out, lambda: True)) == []


def test_deep_directories_are_left(tmp_path: Path) -> None:
    final(tmp_path, "/".join(["d"] * 64) + "/f")
    final(tmp_path, "/".join(["e"] * 65) + "/f")
    assert [found.path.count("/") for found in read_only.find(tmp_path)] == [64]
    assert len(os.listdir("/proc/self/fd")) < 64  # noqa: PTH208 - of this process


def test_a_file_is_taken(tmp_path: Path) -> None:
    final(tmp_path / "outputs")
    (found,) = [(one.path, one.take(tmp_path / "taken")) for one in read_only.find(tmp_path / "outputs")]
    assert found == ("f", True)
    assert (tmp_path / "taken").read_text() == "x"


@pytest.mark.parametrize("replaced", ["by a file", "by a link", "by a pipe", "by a directory", "removed"])
def test_a_file_that_was_replaced_stays(tmp_path: Path, replaced: str) -> None:
    out = tmp_path / "outputs"
    path = final(out)
    for found in read_only.find(out):
        path.unlink()
        if replaced == "by a file":
            path.write_text("new")
        elif replaced == "by a link":
            path.symlink_to("/etc/passwd")
        elif replaced == "by a pipe":
            os.mkfifo(path)
        elif replaced == "by a directory":
            path.mkdir()
        with pytest.raises(OSError):
            found.is_written()
        assert not found.take(tmp_path / "taken")
    assert not (tmp_path / "taken").is_symlink()
    assert not (tmp_path / "taken").exists()
    assert path.is_symlink() if replaced == "by a link" else path.exists() != (replaced == "removed")


def test_what_is_open_for_writing_is_known(tmp_path: Path) -> None:
    path = final(tmp_path / "outputs")
    states = [found.is_written() for found in read_only.find(tmp_path / "outputs")]
    if states == [None]:
        pytest.skip("this system has no leases")
    path.chmod(0o644)
    with path.open("a"):
        path.chmod(0o444)
        states += [found.is_written() for found in read_only.find(tmp_path / "outputs")]
    assert states == [False, True]
