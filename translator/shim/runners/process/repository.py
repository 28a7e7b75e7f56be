"""Give an execution its own working copy of the project: a copy if that is small, else an overlay if there can be one.

An overlay costs the same for five files as for five million; to mount it costs as much as copying some hundred files.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from translator.shim.runners.process import namespace
from translator.shim.runners.process.mounts import Overlay
from translator.shim.workspace import moved, working_copy

if TYPE_CHECKING:
    from collections.abc import Callable

    from translator.shim.runners import Request
    from translator.shim.runners.process.namespace import Namespace

_ENTRIES = 200
_SIZE = 4 << 20
# Of a project with more entries than this, links that leave it are not looked for.
_LINKS = 20_000


def make(request: Request, place: Path, way: Namespace | None) -> Overlay | None:
    """Make the working copy of an execution at ``repository`` of its workspace, or return the overlay that shows it."""
    project, target = request.project, request.space.repository
    target.unlink()
    found = working_copy.listing(project, request.store, request.pulse, entries=_ENTRIES)
    if (found.complete and found.size <= _SIZE) or way is None or not namespace.overlays(way, place.parent):
        if not found.complete:
            found = working_copy.listing(project, request.store, request.pulse)
        working_copy.copy(project, target, found, request.pulse)
        return None
    overlay = Overlay(project, request.space.root / ".changes", place / ".overlay", target)
    for path in (overlay.upper, overlay.work, target):
        path.mkdir()
    shutil.copystat(project, overlay.upper)
    if not found.complete:
        found = working_copy.listing(project, request.store, request.pulse, entries=_LINKS)
    for name in found.links:
        to = working_copy.link(project, name)
        if to != os.readlink(project / name):  # noqa: PTH115 - as the copy has it
            _parents(project, overlay.upper, name)
            (overlay.upper / name).symlink_to(to)
    _hide(request.store, project, overlay.upper)
    return overlay


def where(home: Path, root: Path, overlay: Overlay | None) -> Callable[[str], Path | None]:
    """Return the function that tells where on this worker a path is that the command saw below ``home``."""
    of_workspace = moved(home, root)

    def found(path: str) -> Path | None:
        place = of_workspace(path)
        if place is None or overlay is None or not place.is_relative_to(overlay.target):
            return place
        name = place.relative_to(overlay.target)
        return overlay.upper / name if os.path.lexists(overlay.upper / name) else overlay.lower / name

    return found


def _hide(store: Path | None, project: Path, upper: Path) -> None:
    """Show the artifact store in the working copy as an empty directory."""
    if store is None:
        return
    inside = os.path.relpath(os.path.realpath(store), os.path.realpath(project))
    if inside == "." or inside.startswith("..") or not hasattr(os, "setxattr"):
        return
    _parents(project, upper, inside)
    (upper / inside).mkdir(exist_ok=True)
    os.setxattr(upper / inside, "user.overlay.opaque", b"y")


def _parents(project: Path, upper: Path, path: str) -> None:
    for parent in reversed(Path(path).parents):
        if not (upper / parent).exists():
            (upper / parent).mkdir()
            shutil.copystat(project / parent, upper / parent)
