"""Handle paths as Loom does: relative to the file's directory, with ``${NAME}`` in them."""

from __future__ import annotations

import posixpath

from translator.shim.loom import VARIABLE


def is_url(path: str) -> bool:
    """Return whether Loom would download the path."""
    return path.startswith(("http://", "https://"))


def normal(path: str) -> str:
    """Return the path without ``.``, doubled or trailing slashes, and without each ``..`` that can be resolved."""
    return path if is_url(path) else posixpath.normpath(path or ".")


def suffixed(path: str, suffix: str) -> str:
    """Return the path with ``_suffix`` before its extension."""
    if path.endswith("/"):
        return f"{path.rstrip('/')}_{suffix}/"
    head, slash, name = path.rpartition("/")
    stem, dot, extension = name.rpartition(".")
    return f"{head}{slash}{stem}_{suffix}{dot}{extension}" if dot else f"{head}{slash}{name}_{suffix}"


def above(path: str) -> list[str]:
    """Return the path itself and all enclosing directories, the innermost first."""
    paths = [path]
    while (parent := posixpath.dirname(paths[-1])) not in ("", paths[-1]):
        paths.append(parent)
    return paths


def inside(path: str, folder: str) -> bool:
    """Return whether a normal path is ``folder`` or is below it."""
    return folder in (".", path) or path.startswith(folder.rstrip("/") + "/")


def climbs(path: str) -> bool:
    """Return whether a normal path leaves its base directory."""
    return path == ".." or path.startswith(("/", "../"))


def variables(text: object) -> tuple[str, ...]:
    """Return the environment variables that a text refers to."""
    return tuple(VARIABLE.findall(text)) if isinstance(text, str) else ()
