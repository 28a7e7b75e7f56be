"""Check the files that a run chooses for inputs of a step when it starts.

Whoever may start a run is not always allowed to read everything that the worker can read. So a path must be in the
project, also after links are resolved; URIs of web servers and stores may be restricted. ``TRANSLATOR_LAUNCH_PATHS`` in
the worker's environment decides: it lists directories and the starts of URIs, separated by commas. Both count by whole
parts: ``s3://bucket/data`` allows ``s3://bucket/data/x``, but not ``s3://bucket/data-2/x``. With ``/`` there,
everything is accepted. What the pipeline file itself names is always accepted. The same rules hold for an address that
a parameter is part of.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from translator.shim.catalogue.names import DataNameError, kind_of, parse
from translator.shim.code import CodeError
from translator.shim.files.addresses import HTTP, covers, parsed
from translator.shim.files.object_stores import REMOTE
from translator.shim.masking.uris import redact
from translator.shim.store import StoreError
from translator.shim.variables import LAUNCH_PATHS
from translator.shim.workspace import WorkspaceError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from translator.shim.contract import Input, Step

EVERYTHING = "/"
_SCHEMES = ", ".join(sorted({*REMOTE, "file"}))
_WHERE = f"{LAUNCH_PATHS} in the worker's environment"
_WILD = re.compile(r"[*?\[]")


def launched(
    step: Step, form: Mapping[str, object], project: Callable[[], Path]
) -> tuple[dict[str, Sequence[str]], str | None]:
    """Return the URIs that a run gives to the inputs of a step, and what is wrong with them.

    Args:
        step: the step.
        form: by input, a list of URIs or paths in the project. None, an empty list, and the defaults themselves, which
            forms send back, stand for the defaults.
        project: returns the project's directory, which may have to be fetched.
    """
    uris: dict[str, Sequence[str]] = {}
    problems: list[str] = []
    declared = {item.name: item for item in step.inputs}
    for name, values in form.items():
        item = declared.get(name)
        if values is None or values == [] or (item is not None and values == list(item.default)):
            continue
        if item is None:
            problems.append(f"step {step.name!r} has no input {name!r}")
        elif isinstance(values, str) or not isinstance(values, (list, tuple)):
            problems.append(f"input {name!r}: expected a list of URIs, not {type(values).__name__}")
        else:
            problems += [problem for value in values if (problem := _problem(item, value, project))]
            uris[name] = [str(value) for value in values]
    return uris, "\n".join(problems) or None


def _problem(item: Input, value: object, project: Callable[[], Path]) -> str | None:
    """Return why a run may not have ``value`` as a file of an input."""
    if not isinstance(value, str) or not value or not value.isprintable():
        return f"input {item.name!r}: {value!r} is not a URI"
    try:
        # Only paths need the project, which may have to be fetched.
        base = Path() if value in item.default or "://" in value.removeprefix("file://") else project()
        reason = None if value in item.default else refusal(value, base)
    except (CodeError, StoreError, WorkspaceError, OSError) as error:
        reason = str(error)
    return None if reason is None else f"input {item.name!r}: {reason}"


def refusal(uri: str, project: Path, trusted: str | None = None) -> str | None:
    """Return why whoever starts a run may not choose the file at ``uri``.

    Args:
        uri: a URI, or a path relative to the project's directory.
        project: the project's directory.
        trusted: a directory, or whole parts of a URI, that the pipeline file names.
    """
    listed = [part.strip() for part in os.environ.get(LAUNCH_PATHS, "").split(",") if part.strip()]
    if EVERYTHING in listed:
        return None
    if kind_of(uri) is not None:
        return _refused_name(uri)
    scheme = uri.partition("://")[0] if "://" in uri else ""
    if scheme in REMOTE:
        return _refused_address(uri, [part for part in listed if _is_address(part)], trusted)
    if scheme not in {"", "file"}:
        return f"a run cannot choose {redact(uri)}: its scheme must be one of {_SCHEMES}"
    return _refused_path(uri, project, [Path(_path(part)) for part in listed if not _is_address(part)], trusted)


def _refused_name(uri: str) -> str | None:
    """Return why a text is not a name of data; what names stand for is decided by those who fill the catalogues."""
    try:
        parse(uri)
    except DataNameError as error:
        return str(error)
    return None


def _is_address(listed: str) -> bool:
    return "://" in listed and not listed.startswith("file:")


def _refused_address(uri: str, starts: Sequence[str], trusted: str | None) -> str | None:
    if not starts:
        return _refused_chain(uri)
    address = parsed(uri)
    if address is None:
        return (
            f"a run cannot choose {redact(uri)}: it contains '..', '::', a user or a control character, "
            f"but {_WHERE} restricts addresses"
        )
    if any(covers(parsed(start), address) for start in (*starts, *([] if trusted is None else [trusted]))):
        return None
    return f"a run cannot choose {redact(uri)}: {_WHERE} lists other addresses"


def _refused_chain(uri: str) -> str | None:
    """Return why an address cannot be chosen although all are allowed: fsspec would read it as several."""
    if "::" in uri and uri.partition("://")[0] not in HTTP:
        return f"a run cannot choose {redact(uri)}: it contains '::', which chains file systems"
    return None


def _refused_path(uri: str, project: Path, folders: Sequence[Path], trusted: str | None) -> str | None:
    path = _path(uri)
    chosen = path if trusted is None else path.removeprefix(_path(trusted))
    if ".." in chosen.split("/"):
        return f"{redact(uri)} contains '..', with which a path may leave the project through a link"
    fine = [project, *folders, *([] if trusted is None else [project / _path(trusted)])]
    real = (project / _before_wildcard(path)).resolve()
    if any(real.is_relative_to(folder.resolve()) for folder in fine):
        return None
    return f"{redact(uri)} is outside the project; to allow it, list its directory in {_WHERE}"


def _path(uri: str) -> str:
    """Return the path of a ``file:`` URI, or the path itself."""
    return unquote(urlsplit(uri).path) if "://" in uri else uri


def _before_wildcard(path: str) -> str:
    """Return the path up to the directory before its first wildcard."""
    wild = _WILD.search(path)
    return path if wild is None else path[: wild.start()].rpartition("/")[0] or ("/" if path[0] == "/" else ".")
