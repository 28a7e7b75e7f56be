"""Give an execution its own working copy of the project: a copy if that is small, else an overlay if there can be one.

An overlay costs the same for five files as for five million. To mount it costs as much as copying some hundred files,
or a handful where the worker makes the mounts itself.
"""

from __future__ import annotations

import os
import shutil
import stat
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
_ENTRIES_QUICK = 8
_SIZE = 4 << 20
# Of a project with more entries than this, links that leave it are not looked for.
_LINKS = 20_000


def make(request: Request, place: Path, own_namespace: Namespace | None) -> Overlay | None:
    """Make the working copy of an execution at ``repository`` of its workspace, or return the overlay that shows it."""
    project, target = request.project, request.space.repository
    few = _ENTRIES_QUICK if own_namespace is not None and own_namespace.tool == "direct" else _ENTRIES
    listed = working_copy.listing(project, request.store, request.pulse, entries=few)
    small = listed.complete and listed.size <= _SIZE
    options = namespace.overlays(own_namespace, place.parent) if own_namespace is not None and not small else None
    if options is None:
        working_copy.make(project, target, request.store, request.pulse, listed if listed.complete else None)
        return None
    target.unlink()
    overlay = Overlay(project, request.space.root / ".changes", place / ".overlay", target, options)
    for path in (overlay.upper, overlay.work, target):
        path.mkdir()
    shutil.copystat(project, overlay.upper)
    if not listed.complete:
        listed = working_copy.listing(project, request.store, request.pulse, entries=_LINKS)
    for name in listed.links:
        to = working_copy.link(project, name)
        if to != os.readlink(project / name):  # noqa: PTH115 - as the copy has it
            _parents(project, overlay.upper, name)
            (overlay.upper / name).symlink_to(to)
    _hide(request.store, project, overlay)
    return overlay


def where(home: Path, root: Path, overlay: Overlay | None) -> Callable[[str], Path | None]:
    """Return the function that tells where on this worker a path is that the command saw below ``home``."""
    of_workspace = moved(home, root)

    def on_worker(path: str) -> Path | None:
        place = of_workspace(path)
        if place is None or overlay is None or not place.is_relative_to(overlay.target):
            return place
        return _of_overlay(overlay, place.relative_to(overlay.target))

    return on_worker


def _of_overlay(overlay: Overlay, name: Path) -> Path:
    """Return where a path of an overlay is that is no longer mounted."""
    upper: Path = overlay.upper
    lower: Path | None = overlay.lower
    for part in name.parts:
        upper /= part
        lower = _lower(overlay, upper, lower)
    if lower is None or os.path.lexists(upper):
        _complete(overlay, upper, lower)
        return upper
    return lower


def _lower(overlay: Overlay, upper: Path, parent: Path | None) -> Path | None:
    """Return what lies below an entry of the upper directory, given what lies below its parent."""
    if _attribute(overlay, upper, "opaque") == "y":
        return None
    renamed = _attribute(overlay, upper, "redirect")
    if renamed is not None and renamed.startswith("/"):
        return overlay.lower / renamed[1:]
    return parent / (renamed or upper.name) if parent is not None else None


def _attribute(overlay: Overlay, path: Path, name: str) -> str | None:
    try:
        return os.fsdecode(os.getxattr(path, overlay.attribute(name), follow_symlinks=False))
    except OSError:
        return None


def _complete(overlay: Overlay, upper: Path, lower: Path | None) -> None:
    """Let a directory of the upper directory show what lies below it as well, and nothing of what was removed."""
    if not upper.is_dir() or upper.is_symlink():
        return
    for path in upper.iterdir():
        if stat.S_ISCHR((status := path.lstat()).st_mode) and status.st_rdev == 0:
            continue
        _complete(overlay, path, _lower(overlay, path, lower))
    if lower is not None and lower.is_dir():
        for path in lower.iterdir():
            if not os.path.lexists(upper / path.name):
                (upper / path.name).symlink_to(path)
    for path in upper.iterdir():
        if stat.S_ISCHR((status := path.lstat()).st_mode) and status.st_rdev == 0:
            path.unlink()


def _hide(store: Path | None, project: Path, overlay: Overlay) -> None:
    """Show the artifact store in the working copy as an empty directory."""
    if store is None:
        return
    inside = os.path.relpath(os.path.realpath(store), os.path.realpath(project))
    if inside == "." or inside.startswith(".."):
        return
    _parents(project, overlay.upper, inside)
    (overlay.upper / inside).mkdir(exist_ok=True)
    namespace.hide(overlay, inside)


def _parents(project: Path, upper: Path, path: str) -> None:
    for parent in reversed(Path(path).parents):
        if not (upper / parent).exists():
            (upper / parent).mkdir()
            shutil.copystat(project / parent, upper / parent)
