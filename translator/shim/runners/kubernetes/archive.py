"""Write files to a tar stream, and read one that may be hostile: nothing gets out of the target directory."""

from __future__ import annotations

import os
import shutil
import stat
import tarfile
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, cast

from translator.shim.errors import TranslatorError
from translator.shim.files import digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_OPTIONS: dict[str, Any] = {"format": tarfile.GNU_FORMAT, "encoding": "utf-8", "errors": "surrogateescape"}


class ArchiveError(TranslatorError):
    """An archive that is incomplete, or names paths outside its directory."""


@dataclass(slots=True)
class Packer:
    """An archive that is being written; each name is added once, after its parents."""

    archive: tarfile.TarFile
    pulse: Callable[[], None] = digest.no_pulse
    names: set[str] = field(default_factory=set)

    def directory(self, name: str, mode: int = 0o755) -> None:
        """Add a directory and those that it is in."""
        if name and name not in self.names:
            self.directory(name.rpartition("/")[0])
            self.names.add(name)
            self._add(name, tarfile.DIRTYPE, mode)

    def file(self, name: str, path: Path, mode: int | None = None) -> None:
        """Add a regular file; one that is gone is left out.

        Raises:
            OSError: it cannot be read.
        """
        if name in self.names:
            return
        try:
            opened = path.open("rb")
        except FileNotFoundError:
            return
        with opened as file:
            status = os.fstat(file.fileno())
            member = self._member(name, tarfile.REGTYPE, status.st_mode if mode is None else mode)
            member.size, member.mtime = status.st_size, int(status.st_mtime)
            self.names.add(name)
            self.pulse()
            self.archive.addfile(member, cast("IO[bytes]", _Pulsing(file, self.pulse)))

    def text(self, name: str, content: str, mode: int = 0o644) -> None:
        """Add a file with a text."""
        import io

        data = content.encode("utf-8", "surrogateescape")
        member = self._member(name, tarfile.REGTYPE, mode)
        member.size = len(data)
        self.names.add(name)
        self.archive.addfile(member, io.BytesIO(data))

    def link(self, name: str, target: str) -> None:
        """Add a symbolic link."""
        if name not in self.names:
            self.names.add(name)
            self._add(name, tarfile.SYMTYPE, 0o777, target)

    def _add(self, name: str, kind: bytes, mode: int, target: str = "") -> None:
        member = self._member(name, kind, mode)
        member.linkname = target
        self.archive.addfile(member)

    def _member(self, name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
        member = tarfile.TarInfo(name)
        member.type, member.mode = kind, stat.S_IMODE(mode)
        return member


@dataclass(frozen=True, slots=True)
class _Pulsing:
    """A file that tells of each block that is read from it."""

    file: IO[bytes]
    pulse: Callable[[], None]

    def read(self, size: int) -> bytes:
        self.pulse()
        return self.file.read(size)


class Writer:
    """A file for ``tarfile`` to write to, which sends parts of a fixed size."""

    def __init__(self, send: Callable[[bytes], None], size: int) -> None:
        """Begin without anything to send."""
        self._send, self._size = send, size
        self._pending = bytearray()

    def write(self, content: bytes) -> int:
        """Take what is to be sent."""
        self._pending += content
        while len(self._pending) >= self._size:
            self._send(bytes(self._pending[: self._size]))
            del self._pending[: self._size]
        return len(content)

    def close(self) -> None:
        """Send the rest."""
        if self._pending:
            self._send(bytes(self._pending))
            self._pending.clear()


class Reader:
    """A file for ``tarfile`` to read from: parts of any size, until ``part`` returns None."""

    def __init__(self, part: Callable[[], bytes | None]) -> None:
        """Begin without anything read."""
        self._part = part
        self._pending = bytearray()
        self._ended = False

    def read(self, size: int) -> bytes:
        """Return so many bytes; fewer only at the end."""
        while len(self._pending) < size and not self._ended:
            part = self._part()
            if part is None:
                self._ended = True
            else:
                self._pending += part
        content = bytes(self._pending[:size])
        del self._pending[:size]
        return content

    def drain(self) -> None:
        """Read to the end."""
        self._pending.clear()
        while not self._ended:
            self._ended = self._part() is None


def packing(writer: Writer) -> tarfile.TarFile:
    """Return a new archive that is written to ``writer``."""
    return tarfile.open(fileobj=cast("IO[bytes]", writer), mode="w|", **_OPTIONS)


def unpack(reader: Reader, target: Path, mode: Callable[[int, bool], int]) -> None:
    """Unpack an archive of regular files, directories and symbolic links.

    A member is only written into a directory that the archive itself has made before, so no link leads it elsewhere.

    Args:
        reader: the archive.
        target: the directory; what it has at a path of the archive is replaced.
        mode: ``mode(mode, directory)``: returns the permissions of a file or directory.

    Raises:
        ArchiveError: the archive is not valid.
        OSError: the files cannot be written.
    """
    directories = {""}
    try:
        with tarfile.open(fileobj=cast("IO[bytes]", reader), mode="r|", **_OPTIONS) as archive:
            for member in archive:
                _unpack(archive, member, target, directories, mode)
    except tarfile.TarError as error:
        raise ArchiveError(f"the files cannot be transferred: {error}") from error
    reader.drain()


def _unpack(
    archive: tarfile.TarFile,
    member: tarfile.TarInfo,
    target: Path,
    directories: set[str],
    mode: Callable[[int, bool], int],
) -> None:
    name = member.name
    if any(part in {"", ".", ".."} for part in name.split("/")) or name.rpartition("/")[0] not in directories:
        raise ArchiveError(f"the files cannot be transferred: the path {name!r} leaves its directory")
    if name in directories and not member.isdir():
        raise ArchiveError(f"the files cannot be transferred: two of them have the path {name!r}")
    path = target / name
    if member.isdir():
        if path.is_symlink() or (path.exists() and not path.is_dir()):
            path.unlink()
        path.mkdir(exist_ok=True)
        path.chmod(mode(member.mode, True))  # noqa: FBT003 - a callback
        directories.add(name)
        return
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    if member.issym():
        path.symlink_to(member.linkname)
    elif member.isreg():
        source = cast("IO[bytes]", archive.extractfile(member))  # a regular file has content
        with path.open("xb") as file:
            shutil.copyfileobj(source, file, digest.BLOCK)
        path.chmod(mode(member.mode, False))  # noqa: FBT003 - a callback
        os.utime(path, (member.mtime, member.mtime))
    else:
        raise ArchiveError(f"the files cannot be transferred: {name!r} is not a file")


def walk(folder: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield all in a directory by its path there, directories before what they contain; links are not followed.

    Raises:
        OSError: a directory cannot be listed.
    """
    waiting = [""]
    while waiting:
        here = waiting.pop()
        with os.scandir(folder / here) as entries:
            for entry in sorted(entries, key=lambda one: one.name):
                path = f"{here}/{entry.name}" if here else entry.name
                yield path, entry
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(path)
