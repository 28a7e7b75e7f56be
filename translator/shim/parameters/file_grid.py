"""Compute the points of a grid over files: one per file that exists when its node starts (Loom's ``loop``)."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from translator.shim.inputs.places import below, place_of
from translator.shim.parameters import grid
from translator.shim.parameters.grid import GridError
from translator.shim.process import environment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from translator.shim.contract import FileAxis, InputFiles, Step, Value


def points(
    step: Step, axis: FileAxis, values: Mapping[str, Value], brought: InputFiles | None, project: Path
) -> list[dict[str, Value]]:
    """Compute the points, in the order of the files' paths.

    As in Loom, whose steps share one directory, the files are those that edges bring and those of the project.

    Args:
        step: the step that runs once per file.
        axis: the files, and the parameters that get their paths.
        values: values of parameters for this run (default: those of the step).
        brought: the files that edges bring to the input ``over``, if there are such edges.
        project: the directory of the source file.

    Returns:
        Per execution the values of the item's parameters; none if there are no files.

    Raises:
        GridError: the directory does not exist, or the pattern is invalid.
    """
    try:
        return _points(step, axis, values, brought, project)
    except GridError as error:
        raise GridError(step.located(str(error))) from None


def _points(
    step: Step, axis: FileAxis, values: Mapping[str, Value], brought: InputFiles | None, project: Path
) -> list[dict[str, Value]]:
    defaults = {parameter.name: parameter.default for parameter in step.parameters}
    over, into = (str(values.get(name, defaults.get(name))) for name in (axis.over, axis.into))
    try:
        place = place_of(over, environment.of_step(os.environ, step.required_environment), project)
    except ValueError as error:
        raise GridError(str(error)) from None
    there = project / place.path
    files: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    if brought is not None and not place.absolute:
        files = _inside((file.path for file in brought.files), place.path)
        folders = _inside(brought.folders, place.path)
    if not files and not folders and not there.exists():
        raise GridError(f"the directory {over!r} does not exist")
    if axis.pattern is None:
        names = {name for name in files if "/" not in name} | _directly_in(there, over)
    else:
        names = _matching(there, axis.pattern)
        if files or folders:
            with tempfile.TemporaryDirectory(prefix="translator-grid-") as empty:
                names |= _matching(_laid_out(Path(empty), files, folders), axis.pattern)
    rows: list[dict[str, Value]] = []
    for name in sorted(names, key=lambda one: PurePosixPath(one).parts):
        # Loom names the output like the file itself, without the directories below ``over``.
        output = str(PurePosixPath(into) / PurePosixPath(name).name)
        rows.append(
            {**dict.fromkeys(axis.items, str(PurePosixPath(over) / name)), **dict.fromkeys(axis.outputs, output)}
        )
    return rows


def label(step: Step, axis: FileAxis, point: Mapping[str, Value]) -> str:
    """Return a label for a file's execution: the path in the directory, or the name if the label has another path.

    Args:
        step: the step that runs once per file.
        axis: its files.
        point: values of its parameters.
    """
    item = next((str(point[name]) for name in axis.items if name in point), None)
    if item is None:
        return grid.label(point)
    over = next((parameter.default for parameter in step.parameters if parameter.name == axis.over), None)
    folder = f"{point.get(axis.over, over)}/"
    return item.removeprefix(folder) if item.startswith(folder) else PurePosixPath(item).name


def _inside(paths: Iterable[str], folder: str) -> tuple[str, ...]:
    """Return the paths at or below a directory, relative to it."""
    return tuple(PurePosixPath(path).relative_to(folder).as_posix() for path in paths if below(path, folder))


def _directly_in(folder: Path, directory: str) -> set[str]:
    try:
        return {path.name for path in folder.iterdir() if path.is_file()}
    except FileNotFoundError:
        return set()
    except OSError as error:
        raise GridError(f"the directory {directory!r} cannot be read: {error.strerror}") from None


def _laid_out(folder: Path, files: Iterable[str], folders: Iterable[str]) -> Path:
    """Create empty files in ``folder``, so that ``Path.glob`` decides which of them a pattern matches."""
    for name in folders:
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def _matching(folder: Path, pattern: str) -> set[str]:
    if ".." in PurePosixPath(pattern).parts:
        raise GridError(f"the filter {pattern!r} leaves the directory")
    try:
        return {path.relative_to(folder).as_posix() for path in folder.glob(pattern)}
    except (NotImplementedError, ValueError) as error:
        raise GridError(f"the filter {pattern!r} is not a valid pattern: {error}") from None
