"""Write the files of a project into an archive, and read them from it.

An archive is a plain tar file, whose bytes depend on nothing but the names, contents and executable bits of the files:
the same project gives the same digest on every machine. It is not compressed, because versions of zlib differ.
"""

from __future__ import annotations

import os
import stat
import tarfile
from typing import TYPE_CHECKING

from translator.shim.code.errors import CodeError
from translator.shim.files.paths import PathError, relative

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from typing import BinaryIO

ENTRY_LIMIT = 200_000
SIZE_LIMIT = 4 << 30
"""The limit for the size of all files, in bytes."""
_EPOCH = 315_532_800
"""The time of all files: 1980, the first year that archives of Python packages accept."""


def pack(project: Path, files: Iterable[str], target: BinaryIO) -> int:
    """Write an archive; return the size of the files, in bytes.

    Args:
        project: the project's directory.
        files: paths of files and links in it.
        target: where to.

    Raises:
        CodeError: a file cannot be read or changes meanwhile, a link leads out of the project, or they are too large.
    """
    total = 0
    root = project.resolve()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for number, path in enumerate(sorted(files)):
            source = project / path
            try:
                status = source.lstat()
                entry = tarfile.TarInfo(relative(path))
                entry.mtime = _EPOCH
                if stat.S_ISLNK(status.st_mode):
                    entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, _target(source, root), 0o777
                    archive.addfile(entry)
                    continue
                if not stat.S_ISREG(status.st_mode):
                    raise CodeError(f"{path} is not a file, and cannot travel with the project")
                entry.size, entry.mode = status.st_size, 0o755 if status.st_mode & stat.S_IXUSR else 0o644
                total += entry.size
                if total > SIZE_LIMIT or number >= ENTRY_LIMIT:
                    raise CodeError(
                        f"the project has more than {ENTRY_LIMIT:,} files or {SIZE_LIMIT >> 30} GiB",
                        "leave data and environments out with a .gitignore or .vhignore",
                    )
                with source.open("rb") as file:
                    archive.addfile(entry, file)
            except PathError as error:
                raise CodeError(f"{path} cannot travel with the project: {error}") from None
            except OSError as error:
                raise CodeError(f"{path} cannot be read: {error.strerror or error}") from error
    return total


def unpack(source: BinaryIO, folder: Path, pulse: Callable[[], None]) -> None:
    """Write the files of an archive into a directory.

    Args:
        source: the archive.
        folder: a directory of this user's own, without anything in it.
        pulse: called between files; an exception ends the work.

    Raises:
        CodeError: it is not an archive of ours, or it has a file that would leave the directory.
        OSError: there is no room for it.
    """
    total = 0
    links: list[Path] = []
    try:
        with tarfile.open(fileobj=source, mode="r:") as archive:
            for number, entry in enumerate(archive):
                pulse()
                total += entry.size
                if total > SIZE_LIMIT or number >= ENTRY_LIMIT:
                    raise CodeError("it is larger than projects may be")
                target = folder / relative(entry.name)
                target.parent.mkdir(parents=True, exist_ok=True)
                if entry.issym():
                    target.symlink_to(entry.linkname)
                    links.append(target)
                    continue
                content = archive.extractfile(entry) if entry.isreg() else None
                if content is None:
                    raise CodeError(f"{entry.name!r} is neither a file nor a link")
                # No part of the path is a link: links of the archive are only followed when all files are there.
                _check_parents(target, folder, links)
                with target.open("xb") as file:
                    while block := content.read(1 << 20):
                        pulse()
                        file.write(block)
                target.chmod(0o755 if entry.mode & stat.S_IXUSR else 0o644)
                os.utime(target, (_EPOCH, _EPOCH))
    except (tarfile.TarError, PathError, FileExistsError, NotADirectoryError, EOFError, ValueError) as error:
        raise CodeError(str(error)) from None
    for link in links:
        try:
            _target(link, folder.resolve())
        except CodeError as error:
            raise CodeError(f"{link.relative_to(folder)}: {error}") from None


def _check_parents(target: Path, folder: Path, links: Iterable[Path]) -> None:
    known = set(links)
    for parent in target.parents:
        if parent == folder:
            return
        if parent in known:
            raise CodeError(f"{target.relative_to(folder)} would be written through a link")


def _target(link: Path, root: Path) -> str:
    """Return what a link of a project points to.

    Raises:
        CodeError: it leads out of the project, so it would lead elsewhere on a worker.
    """
    target = str(link.readlink())
    try:
        stays = not target.startswith("/") and link.resolve().is_relative_to(root)
    except (OSError, RuntimeError):  # a circle of links
        stays = not target.startswith("/")
    if stays:
        return target
    raise CodeError(
        f"{link.name} is a link to {target}, which is not in the project",
        "replace it by what it leads to, or leave it out with a .vhignore",
    )
