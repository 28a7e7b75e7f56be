"""The points of a grid over files: one per file that is there when its node starts (Loom's ``loop``)."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from translator.shim.grid import GridError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from translator.shim.contract import FileAxis, InputFiles, Step, Value


def points(
    step: Step, axis: FileAxis, given: Mapping[str, Value], brought: InputFiles | None, project: Path
) -> list[dict[str, Value]]:
    """Compute the points, in the order of the files' paths.

    Files come from the edges that end in the input ``over``; where none does, they are those of the project folder.

    Args:
        step: the step that runs once per file.
        axis: which files, and the parameters that get their paths.
        given: values of parameters for this run; one that is missing has its default.
        brought: what edges bring to the input ``over``, if any end there.
        project: the folder of the source file.

    Returns:
        Per execution the values of the item's parameters; none if there are no files.

    Raises:
        GridError: the folder is not there.
    """
    defaults = {parameter.name: parameter.default for parameter in step.parameters}
    over, into = (str(given.get(name, defaults.get(name))) for name in (axis.over, axis.into))
    folder = PurePosixPath(over)
    names: list[str]
    if brought is not None and brought.edges:
        below = [PurePosixPath(file.path) for file in brought.files]
        inside = [path.relative_to(folder) for path in below if path.is_relative_to(folder)]
        if not inside and folder not in below:
            raise GridError(f"the folder {over!r} is not there: no node before this one has put a file into it")
        names = [str(path) for path in inside if _counts(path, axis.pattern)]
    else:
        there = project / over
        if not there.is_dir():
            raise GridError(f"the folder {over!r} is not there")
        found = there.glob(axis.pattern) if axis.pattern else there.iterdir()
        names = [path.relative_to(there).as_posix() for path in found if axis.pattern or path.is_file()]
    rows: list[dict[str, Value]] = []
    for name in sorted(names):
        # Loom names what it makes of a file as the file is called, wherever below the folder that is.
        made = str(PurePosixPath(into) / PurePosixPath(name).name)
        rows.append({**dict.fromkeys(axis.items, str(folder / name)), **dict.fromkeys(axis.outputs, made)})
    return rows


def _counts(path: PurePosixPath, pattern: str | None) -> bool:
    """Whether a path below the folder is one of those that ``Path.glob`` would find, or that lie directly in it."""
    if pattern is None:
        return len(path.parts) == 1
    return _matches(path.parts, PurePosixPath(pattern).parts)


def _matches(parts: tuple[str, ...], patterns: tuple[str, ...]) -> bool:
    if not patterns:
        return not parts
    if patterns[0] == "**":
        return _matches(parts, patterns[1:]) or (bool(parts) and _matches(parts[1:], patterns))
    return bool(parts) and PurePosixPath(parts[0]).match(patterns[0]) and _matches(parts[1:], patterns[1:])
