"""Check that relative paths stay in their directory, and place files of inputs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from translator.shim.errors import TranslatorError

if TYPE_CHECKING:
    from pathlib import Path

KeepDirectories = Literal["none", "suffix", "full"]


class PathError(TranslatorError, ValueError):
    """A path that leaves its directory, or that no store can hold."""


def file_uri(path: Path) -> str:
    """Return the ``file:`` URI of an absolute path; ``Path.as_uri`` of Python 3.14 loads an HTTP client."""
    return f"file://{quote(os.fsencode(path))}"


def relative(path: str) -> str:
    """Return ``path`` if it stays below the directory that it is relative to.

    Raises:
        PathError: it is empty, absolute, holds ``..``, ``.`` or empty segments, a NUL, or is not valid Unicode.
    """
    parts = path.split("/")
    if not path or any(part in {"", ".", ".."} for part in parts) or "\x00" in path:
        raise PathError(f"the path {path!r} leaves its directory")
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        raise PathError(f"the name {path!r} is not valid UTF-8; rename the file") from None
    return path


def place(path: str, keep: KeepDirectories, root: str = "") -> str:
    """Return the path of a file in its input's directory.

    Args:
        path: the path of the file in its outputs directory, in the project or in its bucket.
        keep: ``none`` keeps the file's name, ``full`` the whole path, ``suffix`` the part after ``root``.
        root: the part of the path before the first wildcard of the pattern that found it.

    Raises:
        PathError: the path would be outside the directory.
    """
    name = path.rsplit("/", 1)[-1]
    if keep == "none" or ".." in path.split("/"):
        return relative(name)
    kept = path.removeprefix(root) if keep == "suffix" else path
    return relative(kept.strip("/"))


def directories_of(path: str) -> list[str]:
    """Return the directories in which a relative path is, the outermost first: ``a``, ``a/b`` for ``a/b/c``."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]
