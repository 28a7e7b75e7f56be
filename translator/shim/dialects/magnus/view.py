"""The working folder of a step: a view of the project in which a step may write without touching the project.

Files of up to ``COPIED`` bytes, and larger ones that the step may put into the catalog, are copies; other large files
are symbolic links. Hidden folders, virtual environments, ``node_modules``, ``__pycache__`` and the artifact store are
left out.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from translator.shim import digest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

COPIED = 1 << 20
_LEFT_OUT = {"node_modules", "__pycache__"}


def show(
    project: Path, folder: Path, put: Sequence[str], without: Path | None, pulse: Callable[[], None] = digest.no_pulse
) -> None:
    """Fill the new folder ``folder`` with what is in ``project``.

    Args:
        project: the folder of the source file.
        folder: the working folder.
        put: patterns of files that the step may write.
        without: the folder of the artifact store, if it is a folder.
        pulse: called per folder; what it raises ends the work.
    """
    own = {file.resolve() for pattern in put for file in matching(project, pattern)}
    folder.mkdir()
    for place, folders, names in os.walk(project):
        pulse()
        here = Path(place)
        target = folder / here.relative_to(project)
        for name in list(folders):
            path = here / name
            if name.startswith(".") or name in _LEFT_OUT or path == without or (path / "pyvenv.cfg").exists():
                folders.remove(name)
            elif path.is_symlink():
                folders.remove(name)
                (target / name).symlink_to(path.resolve(), target_is_directory=True)
            else:
                (target / name).mkdir()
        for name in names:
            path = here / name
            if not path.is_file():
                continue
            if path.stat().st_size <= COPIED or path.resolve() in own:
                shutil.copy2(path, target / name)
            else:
                (target / name).symlink_to(path)


def matching(folder: Path, pattern: str) -> list[Path]:
    """The files below ``folder`` that ``pattern`` (``Path.glob``) finds, in the order of their names.

    Raises:
        ValueError: the pattern is none.
    """
    try:
        return sorted(path for path in folder.glob(pattern) if path.is_file())
    except (NotImplementedError, IndexError) as error:
        raise ValueError(f"the catalog's pattern {pattern!r} is not relative to the project: {error}") from None
