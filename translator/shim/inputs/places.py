"""Resolve paths of Loom's data (in the project, absolute, or a URL) and list the files there."""

from __future__ import annotations

import hashlib
import os
import posixpath
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from translator.shim.files.paths import PathError, relative
from translator.shim.loom import VARIABLE

if TYPE_CHECKING:
    import re
    from collections.abc import Mapping

    from translator.shim.store import Store

_CACHE = ".loom-url-cache"


@dataclass(frozen=True, slots=True)
class Place:
    """The place of data: ``path`` in the project (``.`` is the project), absolute, or the cache of a URL."""

    path: str
    absolute: bool = False
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Tree:
    """The files at a path, relative to it and sorted (``.`` is the path itself), and the directories without any."""

    files: tuple[str, ...]
    folders: tuple[str, ...] = ()


def expanded(text: str, surroundings: Mapping[str, str]) -> str:
    """Return ``text`` with each ``${NAME}`` replaced by that environment variable.

    Raises:
        ValueError: a variable is not set.
    """

    def value(match: re.Match[str]) -> str:
        if match[1] not in surroundings:
            raise ValueError(f"environment variable {match[1]!r} is not set on this worker")
        return surroundings[match[1]]

    return VARIABLE.sub(value, text)


def place_of(text: str, surroundings: Mapping[str, str], project: Path) -> Place:
    """Return the place of the data at a pipeline's path; it is absolute outside the project directory.

    Raises:
        PathError: the path is not a valid file name.
        ValueError: the path names an environment variable that is not set.
    """
    path = expanded(text, surroundings)
    if path.startswith(("http://", "https://")):
        name = PurePosixPath(urlsplit(path).path.rstrip("/")).name or "download"
        return Place(f"{_CACHE}/{hashlib.sha256(path.encode()).hexdigest()[:16]}_{name}", url=path)
    normal = posixpath.normpath(path)
    home = f"{posixpath.normpath(project.absolute())}/"
    if normal.startswith(home):
        normal = normal.removeprefix(home)
    if normal.startswith(("/", "../")) or normal == "..":
        if "\0" in normal:
            raise PathError(f"{path!r} is not a valid file name")
        return Place(
            posixpath.normpath(f"{project.absolute()}/{normal}" if normal[0] == "." else normal), absolute=True
        )
    return Place(normal if normal == "." else relative(normal))


def below(path: str, folder: str) -> bool:
    """Return whether ``path`` is ``folder`` or is in it."""
    return folder in {".", path} or path.startswith(f"{folder}/")


def tree(path: Path, store: Store) -> Tree | None:
    """Return the files at ``path``, through symbolic links, without the artifact store's; None if it does not exist."""
    if path.is_file():
        return Tree((".",))
    if not path.is_dir():
        return None
    scratch = store.scratch()
    hidden = scratch.parent.resolve() if scratch is not None else None
    files: list[str] = []
    folders: list[str] = []
    seen: set[Path] = set()
    for root, names, inside in os.walk(path, followlinks=True):
        real = Path(root).resolve()
        if real in seen or real == hidden:
            names.clear()
            continue
        seen.add(real)
        base = Path(root).relative_to(path)
        files += [(base / name).as_posix() for name in inside if (Path(root) / name).is_file()]
        if not names and not inside:
            folders.append(base.as_posix())
    return Tree(tuple(sorted(files)), tuple(sorted(folders)))
