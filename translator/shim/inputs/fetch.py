"""Fetch an input's default files: project paths, ``file://``, ``http(s)://``, and URIs of fsspec.

In paths and in URIs of stores ``*`` and ``?`` stay in one directory and ``**`` crosses directories; hidden files are
found only by patterns that name them. A fetched file is a read-only copy: the user's own file can neither change nor be
changed.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from translator.shim.errors import TranslatorError
from translator.shim.files import abandon, digest
from translator.shim.files.addresses import HTTP
from translator.shim.files.digest import READ_ONLY
from translator.shim.files.object_stores import path_in_bucket
from translator.shim.files.paths import PathError, file_uri, place
from translator.shim.files.resumable import DownloadError
from translator.shim.masking.uris import flaw, redact, redact_quoted
from translator.shim.store import stated, transfer
from translator.shim.store.access import Access, AccessError, authorization, hidden, options, start_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from translator.shim.contract import Input, Json


_WILD = re.compile(r"[*?]")


class FetchError(TranslatorError):
    """A default of an input cannot be fetched; the message says which and why."""


def find(
    uri: str,
    step_input: Input,
    project: Path,
    pulse: Callable[[], None] = digest.no_pulse,
    access: Access | None = None,
) -> list[tuple[str, str]]:
    """Find the files that a default names.

    Args:
        uri: the default: a path relative to ``project`` or a URI, with or without wildcards.
        step_input: the input whose default it is.
        project: the directory of the source file.
        pulse: called while waiting for a server; an exception ends the work.
        access: credentials for addresses.

    Returns:
        For each file its URI (or path in the project) without wildcards and its place below the input's directory.

    Raises:
        FetchError: the file does not exist, or cannot be read.
    """
    if (problem := flaw(uri)) is not None:
        raise FetchError(problem)
    parts = urlsplit(uri if "://" in uri else "")
    scheme = parts.scheme
    if scheme in HTTP:
        path = unquote(parts.path).strip("/") or parts.netloc
        return [(uri, _place(path, step_input, uri))]
    if scheme in {"", "file"}:
        return _find_local(uri, step_input, project)
    return _find_remote(uri, step_input, pulse, access or Access())


def fetch(
    uri: str,
    target: Path,
    project: Path,
    pulse: Callable[[], None] = digest.no_pulse,
    access: Access | None = None,
) -> tuple[int, str]:
    """Copy one file to the new read-only file ``target``.

    Args:
        uri: what ``find`` returned.
        target: where to.
        project: the directory of the source file.
        pulse: called a few times a second or between blocks; an exception ends the work.
        access: credentials for addresses.

    Returns:
        Its size in bytes and its SHA-256.

    Raises:
        FetchError: the file cannot be fetched.
    """
    scheme = urlsplit(uri).scheme if "://" in uri else ""
    access = access or Access()
    try:
        if scheme in HTTP:
            record = _download(uri, target, pulse, access)
        elif scheme in {"", "file"}:
            record = digest.copy_file(_local(uri, project), target, pulse)
        else:
            record = _copy_remote(uri, target, pulse, access)
    except OSError as error:
        raise FetchError(
            f"{redact(uri)} cannot be fetched: {redact_quoted(error.strerror or str(error), uri)}"
        ) from None
    target.chmod(READ_ONLY)
    return record


def _find_local(uri: str, step_input: Input, project: Path) -> list[tuple[str, str]]:
    path = _local(uri, project)
    if not _WILD.search(str(path)) or path.exists():
        if path.is_dir():
            raise FetchError(f"{uri} is a directory; write {uri.rstrip('/')}/* for its files")
        if not path.exists():
            raise FetchError(f"{uri} does not exist (looked for {path})")
        return [(uri, _place(uri if "://" not in uri else str(path), step_input, uri))]
    root = _before_wildcard(str(path))
    wanted = _pattern(str(path)[len(root) :])
    inside = root.startswith(f"{project}/")
    matches = []
    files = list(_files_below(Path(root)))
    for file in files:
        if wanted.fullmatch(str(file)[len(root) :]):
            name = str(file.relative_to(project)) if inside else str(file)
            shown_root = root.removeprefix(f"{project}/") if inside else root
            matches.append((name if inside else file_uri(file), _place(name, step_input, uri, shown_root)))
    if not matches:
        deeper = _deeper(str(path)[len(root) :], [str(file)[len(root) :] for file in files])
        raise FetchError(f"no file matches {uri} (looked in {root}){deeper}")
    return matches


def _find_remote(uri: str, step_input: Input, pulse: Callable[[], None], access: Access) -> list[tuple[str, str]]:
    if not _WILD.search(uri):
        return [(uri, _place(path_in_bucket(uri), step_input, uri))]
    from translator.shim.store.objects import file_system

    root = _before_wildcard(uri)
    credentials = _options(uri, access)

    def listed() -> list[str]:
        system, base = file_system(root, credentials)
        return [str(name)[len(base.rstrip("/")) + 1 :] for name in system.find(base.rstrip("/"))]

    try:
        names = abandon.run(listed, pulse)
    except Exception as error:  # noqa: BLE001 - each file system has its own exceptions
        raise FetchError(f"{redact(uri)} cannot be listed: {_reason(error, uri, access)}") from None
    wanted = _pattern(uri[len(root) :])
    in_bucket = path_in_bucket(root)
    matches = [
        (root + name, _place(in_bucket + name, step_input, uri, in_bucket)) for name in names if wanted.fullmatch(name)
    ]
    if not matches:
        raise FetchError(f"no file matches {redact(uri)}{_deeper(uri[len(root) :], names)}")
    return matches


def _deeper(path: str, names: Sequence[str]) -> str:
    """Return the end of an error: how many files would match if each ``*`` matched directories as well."""
    wanted = _pattern(re.sub(r"\*+", "**", path))
    count = sum(wanted.fullmatch(name) is not None for name in names)
    return f"; with ** in place of *, which matches no /, it has {count}" if count else ""


def _place(path: str, step_input: Input, uri: str, root: str | None = None) -> str:
    """Return the path of a default; without a wildcard it has no root, so ``suffix`` keeps only its name."""
    keep = step_input.keep_directories
    if keep == "suffix" and root is None:
        keep = "none"
    try:
        return place(path.removeprefix("./").strip("/"), keep, (root or "").removeprefix("./").lstrip("/"))
    except PathError as error:
        raise FetchError(f"{redact(uri)} cannot be an input: {error}") from error


def _local(uri: str, project: Path) -> Path:
    if uri.startswith("file://"):
        return Path(unquote(urlsplit(uri).path))
    return project / uri


def _before_wildcard(path: str) -> str:
    """Return the directory before the first wildcard, with a trailing slash."""
    wild = _WILD.search(path)
    return path[: path.rfind("/", 0, wild.start()) + 1] if wild else path


def _pattern(path: str) -> re.Pattern[str]:
    """Return the regular expression of a path with wildcards, below a directory; see the top of the module."""
    parts = []
    at_start = True
    for token in re.split(r"(\*\*/|\*\*|\*|\?)", path):
        if not token:
            continue
        unhidden = r"(?!\.)" if at_start else ""
        match token:
            case "**/":
                parts.append(r"(?:[^/.][^/]*/)*" if at_start else r"[^/]*/(?:[^/.][^/]*/)*")
            case "**":
                parts.append(rf"(?:[^/.][^/]*/)*{unhidden}[^/]*" if at_start else r"[^/]*(?:/[^/.][^/]*)*")
            case "*":
                parts.append(rf"{unhidden}[^/]*")
            case "?":
                parts.append(rf"{unhidden}[^/]")
            case _:
                parts.append(re.escape(token))
        at_start = token.endswith("/")
    return re.compile("".join(parts), re.DOTALL)


def _files_below(folder: Path) -> Iterable[Path]:
    import os

    for root, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            yield Path(root) / name


def _download(uri: str, target: Path, pulse: Callable[[], None], access: Access) -> tuple[int, str]:
    from translator.shim.inputs.download import download

    try:
        start = start_of(uri, access)
        return download(
            uri, target, pulse, authorization(uri, access), lambda other: start in {None, start_of(other, access)}
        )
    except (AccessError, DownloadError) as error:
        raise FetchError(f"{redact(uri)} cannot be fetched: {_reason(error, uri, access)}") from None


def _copy_remote(uri: str, target: Path, pulse: Callable[[], None], access: Access) -> tuple[int, str]:
    """Copy a file from any file system that fsspec knows."""
    from translator.shim.store.objects import file_system

    credentials = _options(uri, access)
    try:
        system, path = abandon.run(lambda: file_system(uri, credentials), pulse)
        return transfer.download(
            lambda: system.open(path, "rb"), target, pulse, lambda source: stated.of_file(system, path, source)
        )
    except Exception as error:  # noqa: BLE001 - each file system has its own exceptions
        raise FetchError(f"{redact(uri)} cannot be fetched: {_reason(error, uri, access)}") from None


def _options(uri: str, access: Access) -> Mapping[str, Json]:
    try:
        return options(uri, access)
    except AccessError as error:
        raise FetchError(f"{redact(uri)} cannot be read: {error}") from None


def _reason(error: Exception, uri: str, access: Access) -> str:
    """Return the text of an exception without secrets."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return hidden(redact_quoted(text, uri), access)
