"""Test that files travel unchanged, and that a hostile archive writes nothing outside its directory."""

from __future__ import annotations

import io
import os
import tarfile
from typing import TYPE_CHECKING

import pytest

from translator.shim.runners.kubernetes import archive

if TYPE_CHECKING:
    from pathlib import Path


def unpacked(content: bytes, target: Path) -> None:
    parts = [content[at : at + 1000] for at in range(0, len(content), 1000)]
    archive.unpack(archive.Reader(lambda: parts.pop(0) if parts else None), target, lambda mode, _: mode)


def test_files_travel_unchanged(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    (source / "a").write_bytes(os.urandom(300_000))
    (source / "a").chmod(0o750)
    (source / os.fsdecode(b"\xff name")).write_text("x")
    sent: list[bytes] = []
    writer = archive.Writer(sent.append, 1 << 16)
    with archive.packing(writer) as packed:
        packer = archive.Packer(packed)
        for path, _ in archive.walk(source):
            packer.directory("deep/er")
            packer.file(f"deep/er/{path}", source / path)
        packer.link("deep/link", "er/a")
    writer.close()
    unpacked(b"".join(sent), target)
    assert (target / "deep/er/a").read_bytes() == (source / "a").read_bytes() == (target / "deep/link").read_bytes()
    assert (target / "deep/er/a").stat().st_mode & 0o777 == 0o750
    assert (target / "deep/er" / os.fsdecode(b"\xff name")).read_text() == "x"


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, link, 0o755
    return info


@pytest.mark.parametrize(
    "members",
    [
        [member("../evil")],
        [member("/evil")],
        [member("a", tarfile.SYMTYPE, ".."), member("a/evil")],
        [member("a", tarfile.DIRTYPE), member("a", tarfile.SYMTYPE, ".."), member("a/evil")],
        [member("a", tarfile.DIRTYPE), member("a/../../evil")],
        [member("evil", tarfile.LNKTYPE, "../secret")],
        [member("evil", tarfile.FIFOTYPE)],
    ],
)
def test_nothing_gets_out_of_the_directory(members: list[tarfile.TarInfo], tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "target").mkdir()
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as written:
        for one in members:
            written.addfile(one, io.BytesIO() if one.isreg() else None)
    with pytest.raises(archive.ArchiveError):
        unpacked(content.getvalue(), tmp_path / "target")
    assert not (tmp_path / "evil").exists()


def test_a_link_is_replaced_and_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    target = tmp_path / "target"
    target.mkdir()
    (target / "x").symlink_to(tmp_path / "secret")
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as written:
        written.addfile(member("x"), io.BytesIO())
    unpacked(content.getvalue(), target)
    assert (tmp_path / "secret").read_text() == "secret"
    assert (target / "x").read_text() == ""


@pytest.mark.parametrize("content", [b"", b"nothing like it" * 100])
def test_what_is_not_an_archive(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(archive.ArchiveError):
        unpacked(content, tmp_path)
