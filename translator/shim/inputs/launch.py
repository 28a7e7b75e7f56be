"""Check the files that a run is given for inputs of a step when it starts.

Whoever may start a run is not always allowed to read the worker's files, so a path must be in the project, or below a
directory that the worker's ``TRANSLATOR_LAUNCH_PATHS`` lists; with ``/`` there, everything is accepted. So are the
defaults of the pipeline file. The same rules hold for a path that a parameter is part of.
"""

from __future__ import annotations

import os
import posixpath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from translator.shim.masking.uris import redact
from translator.shim.variables import LAUNCH_PATHS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from translator.shim.contract import Input, Step

REMOTE = frozenset(
    (
        *("http", "https", "s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "azure", "adl", "oci", "swift"),
        *("hdfs", "webhdfs", "ftp", "sftp", "ssh"),
    )
)
"""The schemes of URIs that cannot name a file of the worker; other file systems of fsspec may wrap a local one."""
_SCHEMES = ", ".join(sorted({*REMOTE, "file"}))


def launched(step: Step, form: Mapping[str, object], project: Path) -> tuple[dict[str, Sequence[str]], str | None]:
    """Return the URIs that a run gives to the inputs of a step, and what is wrong with them.

    Args:
        step: the step.
        form: by input, a list of URIs or paths in the project; None, or an empty list, stands for the defaults.
        project: the project's directory.
    """
    uris: dict[str, Sequence[str]] = {}
    problems: list[str] = []
    declared = {item.name: item for item in step.inputs}
    for name, values in form.items():
        if values is None or values == []:  # a form sends an empty field as either
            continue
        item = declared.get(name)
        if item is None:
            problems.append(f"step {step.name!r} has no input {name!r}")
        elif isinstance(values, str) or not isinstance(values, (list, tuple)):
            problems.append(f"input {name!r}: expected a list of URIs, not {type(values).__name__}")
        else:
            problems += [problem for value in values if (problem := _problem(item, value, project))]
            uris[name] = [str(value) for value in values]
    return uris, "\n".join(problems) or None


def _problem(item: Input, value: object, project: Path) -> str | None:
    """Return why a run may not have ``value`` as a file of an input."""
    if not isinstance(value, str) or not value or not value.isprintable():
        return f"input {item.name!r}: {value!r} is not a URI"
    reason = None if value in item.default else refusal(value, project)
    return None if reason is None else f"input {item.name!r}: {reason}"


def refusal(uri: str, project: Path, trusted: str | None = None) -> str | None:
    """Return why whoever starts a run may not choose the file at ``uri``.

    Args:
        uri: a URI, or a path relative to the project's directory.
        project: the project's directory.
        trusted: another directory whose files may be chosen, if the pipeline file names it.
    """
    listed = [folder for folder in os.environ.get(LAUNCH_PATHS, "").split(":") if folder]
    if "/" in listed:
        return None
    scheme = uri.partition("://")[0] if "://" in uri else ""
    if scheme in REMOTE:
        return None
    if scheme not in {"", "file"}:
        return f"a run cannot choose {redact(uri)}: its scheme must be one of {_SCHEMES}"
    path = _path(uri, project)
    folders = [project.absolute().as_posix(), *listed, *([_path(trusted, project)] if trusted else [])]
    if any(_is_below(path, posixpath.normpath(folder)) for folder in folders):
        return None
    where = f"{LAUNCH_PATHS} in the worker's environment"
    return f"{redact(uri)} is outside the project; to allow it, list its directory in {where}"


def _path(uri: str, project: Path) -> str:
    path = unquote(urlsplit(uri).path) if "://" in uri else uri
    return posixpath.normpath(posixpath.join(project.absolute().as_posix(), path))


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
