"""Write generated files, but never overwrite a file that was not generated from the same pipeline."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from translator.errors import TranslatorError
from translator.files import make_folder, real

if TYPE_CHECKING:
    import re


_LONGEST = 16 * 1024


class OutputError(TranslatorError):
    """A file cannot be written."""


def destination(output: str, file_name: str) -> Path:
    """Return the path of a generated file.

    Args:
        output: the user's argument: a directory (an existing one, or a text with a trailing slash or without
            ``.py``), or a file name.
        file_name: the name of the file in a directory.
    """
    path = Path(output)
    if _is_folder(path) or output.endswith(("/", os.sep)) or path.suffix != ".py":
        return path / file_name
    return path


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False  # writing will report the error


def is_folder(output: str) -> bool:
    """Return whether ``destination`` treats ``output`` as a directory."""
    return destination(output, "x.py") != Path(output)


def project_from(file: Path, project: Path) -> str:
    """Return the project directory relative to a generated file's directory, with forward slashes.

    Raises:
        OutputError: there is no relative path between the two (two drives).
    """
    try:
        return Path(os.path.relpath(real(project), real(file.parent))).as_posix()
    except ValueError:
        message = f"{file} cannot refer to {project}: they are on different drives"
        raise OutputError(message, "write the file to the project's drive") from None


def write(file: Path, text: str, *, marker: str, force: bool) -> None:
    """Write a generated file, whole or not at all.

    Args:
        file: the path; missing directories are created.
        text: what to write.
        marker: the start of every generated file; the rest of the first line names the source.
        force: replace any file.

    Raises:
        OutputError: another file is there, or it cannot be written.
    """
    try:
        if not force and file.exists():
            _refuse_other(file, text, marker)
        make_folder(file.parent)
        _replace(file, text)
    except OSError as error:
        raise OutputError(f"cannot write {file}: {error.strerror or error}") from None


def refuse_twin(file: Path, text: str, identity: re.Pattern[str], *, marker: str) -> None:
    """Refuse a file if another generated file in its directory has a workflow with the same name.

    Args:
        file: where the file goes.
        text: the text to write.
        identity: matches the line that names the workflow.
        marker: the start of every generated file.

    Raises:
        OutputError: such a file exists, or the directory cannot be read.
    """
    try:
        _refuse_twin(file, text, identity, marker)
    except OSError as error:
        raise OutputError(f"cannot write {file}: {error.strerror or error}") from None


def _refuse_twin(file: Path, text: str, identity: re.Pattern[str], marker: str) -> None:
    own = identity.search(text)
    for other in sorted(file.parent.glob("*.py")) if own else ():
        if other.name == file.name or not _first_line(other).startswith(marker):
            continue
        other_identity = identity.search(other.read_text(encoding="utf-8", errors="replace"))
        if own and other_identity and other_identity.group() == own.group():
            name = own.group().rpartition("\n")[2].strip().rstrip(",")
            message = f"{file} not written: {other} has the same {name}"
            raise OutputError(message, "remove that file, or choose another name (see translate --help)")


def _refuse_other(file: Path, text: str, marker: str) -> None:
    """Refuse to replace a file that was written by hand or generated from something else."""
    first = _first_line(file)
    if not first.startswith(marker):
        message = f"{file} already exists and is not a generated file"
        raise OutputError(message, "move it, choose another name with -o, or overwrite it with --force")
    if first != text.partition("\n")[0]:
        message = f"{file} already exists, generated{first.removeprefix(marker)}"
        hint = "write elsewhere with -o, choose another name with --prefix, or overwrite it with --force"
        raise OutputError(message, hint)


def _first_line(file: Path) -> str:
    """Return the first line of a file, cut at the length of ours; an empty string if it is not a file."""
    if not file.is_file():
        return ""
    with file.open("rb") as stream:
        return stream.readline(_LONGEST).rstrip(b"\r\n").decode("utf-8", "replace")


def _replace(file: Path, text: str) -> None:
    """Replace a file atomically, because an engine that watches the directory must never see half of it."""
    mode = file.stat().st_mode & 0o777 if file.exists() else 0o666 & ~_umask()
    import tempfile  # needed only for -o, and slow to import

    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
        Path(name).chmod(mode)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
