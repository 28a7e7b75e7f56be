"""Write the files of a project into an archive, and read them from it.

An archive is a plain tar file, whose bytes depend on nothing but the names, contents and executable bits of the files:
the same project gives the same digest on every machine. It is not compressed, because versions of zlib differ.
"""

from __future__ import annotations

import os
import posixpath
import stat
import tarfile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from translator.shim.code.errors import CodeError
from translator.shim.files.links import first_leaving
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
    chosen = sorted(files)
    known = {*chosen, *(str(parent) for path in chosen for parent in PurePosixPath(path).parents)}
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for number, path in enumerate(chosen):
            source = project / path
            try:
                status = source.lstat()
                entry = tarfile.TarInfo(relative(path))
                entry.mtime = _EPOCH
                if stat.S_ISLNK(status.st_mode):
                    to = str(source.readlink())
                    # A link that leads nowhere does so there, too.
                    if _inside(path, to) not in known and source.exists():
                        raise CodeError(f"{path} is a link to {to}, which does not travel", _LINK_HINT)
                    entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, to, 0o777
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
    try:
        with tarfile.open(fileobj=source, mode="r:") as archive:
            links = _unpack_files(archive, folder, pulse)
        # Links come last, so that nothing is written through one.
        for name, to in links.items():
            if any(str(parent) in links for parent in PurePosixPath(name).parents):
                raise CodeError(f"{name!r} would be written through a link")
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).symlink_to(to)
    except (tarfile.TarError, PathError, FileExistsError, NotADirectoryError, EOFError, ValueError) as error:
        raise CodeError(str(error)) from None
    if (link := first_leaving((folder / name for name in links), folder)) is not None:
        raise CodeError(f"the link {str(link)!r} leads elsewhere")


def _unpack_files(archive: tarfile.TarFile, folder: Path, pulse: Callable[[], None]) -> dict[str, str]:
    """Write the regular files of an archive; return what its links point to, by their names."""
    total = 0
    links: dict[str, str] = {}
    for number, entry in enumerate(archive):
        pulse()
        total += entry.size
        if total > SIZE_LIMIT or number >= ENTRY_LIMIT:
            raise CodeError("it is larger than projects may be")
        name = relative(entry.name)
        if entry.issym():
            _inside(name, entry.linkname)
            links[name] = entry.linkname
            continue
        content = archive.extractfile(entry) if entry.isreg() else None
        if content is None:
            raise CodeError(f"{entry.name!r} is neither a file nor a link")
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            while block := content.read(1 << 20):
                pulse()
                file.write(block)
        target.chmod(0o755 if entry.mode & stat.S_IXUSR else 0o644)
        os.utime(target, (_EPOCH, _EPOCH))
    return links


_LINK_HINT = "replace it by what it leads to, or leave it out with a .vhignore"


def _inside(path: str, target: str) -> str:
    """Return the path in the project that a link points to, by its text only, as it is on every machine.

    Raises:
        CodeError: it leads out of the project.
    """
    inside = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    if target.startswith("/") or inside == ".." or inside.startswith("../"):
        raise CodeError(f"{path} is a link to {target}, which is not in the project", _LINK_HINT)
    return inside
