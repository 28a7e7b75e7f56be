"""Find the modules that entry points name: ours, and those of packages that extend this one.

``importlib.metadata`` takes a third of the time of a translation to import and to read what is installed, and hardly
any installation has a package with entry points for this one. So first look whether one exists.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_GROUPS = "[translator."
"""The start of the sections of ``entry_points.txt`` that concern this package."""
_OURS = "pipeline_translator-"
"""The start of the name of our own metadata."""
_METADATA = (".dist-info", ".egg-info")


def modules(group: str) -> Mapping[str, str]:
    """Return the modules of a group by the names of their entry points."""
    ours = _if_alone()
    if ours is not None:
        return _section(ours, group)
    from importlib.metadata import entry_points

    return {point.name: point.module for point in entry_points(group=group)}


@cache
def _if_alone() -> str | None:
    """Return our own entry points as text; None if other packages may have some for us."""
    finders = (finder for finder in sys.meta_path if finder is not PathFinder)
    if any(hasattr(finder, "find_distributions") for finder in finders):
        return None
    texts: dict[str, str] = {}
    try:
        for folder in dict.fromkeys(sys.path):
            texts.update(_speaking(Path(folder)))
    except OSError:
        return None
    return next(iter(texts.values())) if [name[: len(_OURS)] for name in texts] == [_OURS] else None


def _speaking(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the packages in a directory that have entry points for us: the name of the metadata, and its text.

    Raises:
        OSError: the directory cannot be listed, as if it is an archive.
    """
    try:
        names = os.listdir(folder)  # noqa: PTH208 - few of the names become paths
    except FileNotFoundError:
        return
    for name in names:
        if name.endswith(".egg"):
            yield name, ""
        elif name.endswith(_METADATA):
            try:
                text = (folder / name / "entry_points.txt").read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
            if _GROUPS in text:
                yield name, text


def _section(text: str, group: str) -> Mapping[str, str]:
    """Return the entry points of a group in our own metadata."""
    section = text.partition(f"[{group}]")[2].partition("\n[")[0]
    pairs = (line.partition("=") for line in section.splitlines() if "=" in line)
    return {name.strip(): module.strip() for name, _, module in pairs}
