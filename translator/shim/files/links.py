"""Find links that lead out of a directory that was made from somebody else's files."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def first_leaving(links: Iterable[Path], folder: Path) -> Path | None:
    """Return the first link that leads out of a directory, with all links followed; a circle leads nowhere.

    Args:
        links: links in the directory, once all its files are there.
        folder: the directory.
    """
    inside = folder.resolve()
    for link in links:
        try:
            stays = link.resolve().is_relative_to(inside)
        except (OSError, RuntimeError):  # a circle of links
            continue
        if not stays:
            return link.relative_to(folder)
    return None
