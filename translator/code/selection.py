"""Choose the files of a project that travel: all but those that Git or Valohai's command line would leave out.

- In a Git repository: tracked files, and untracked ones that no ``.gitignore`` names.
- Elsewhere: all files that no ``.gitignore`` names.
- In both: without those that the project's ``.vhignore`` names, which has the syntax of a ``.gitignore``.

Repositories in the project, such as submodules, have their own ``.gitignore`` files.

Git itself reads the patterns, so it must be installed if there are any. Directories called ``.git`` and
``__pycache__``, artifact stores, virtual environments, and files that ``translate`` wrote never travel: a generated
file names the digest of its snapshot, so it cannot be part of it.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from translator.errors import TranslatorError
from translator.files import real
from translator.shim.store.files import SCRATCH
from translator.shim.workspace import commits, working_copy
from translator.targets.render import MARKER

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

GIT_IGNORE, VALOHAI_IGNORE = ".gitignore", ".vhignore"
_NEVER = frozenset((".git", "__pycache__"))
_TIMEOUT = 300.0


class SelectionError(TranslatorError):
    """A project whose files cannot be listed."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The files and links of a project that travel, in the order of their names, and submodules that are not there."""

    files: tuple[str, ...]
    absent: tuple[str, ...] = ()


def select(project: Path, store: Path | None = None) -> Selection:
    """Choose the files of a project that travel.

    Args:
        project: the project's directory.
        store: the artifact store, if it is a directory.

    Raises:
        SelectionError: Git is missing but needed, it cannot read the repository, or the project is its own store.
    """
    root = real(project)
    if store is not None and real(store) == root:
        raise SelectionError(f"{project} cannot be the artifact store of its own files", "name another directory")
    absent: list[str] = []
    chosen = _not_ignored(root, "", absent)
    if (root / VALOHAI_IGNORE).is_file():
        chosen = _matched_by_none(root / VALOHAI_IGNORE, chosen)
    hidden = [os.path.relpath(real(store), root)] if store is not None else []
    hidden += _closed_directories(root, chosen)
    links: dict[str, bool] = {}
    files = [path for path in chosen if _travels(root, path, hidden) and not _is_behind_link(root, path, links)]
    return Selection(tuple(sorted(files)), tuple(absent))


def _not_ignored(root: Path, below: str, absent: list[str]) -> list[str]:
    """Return the paths of files and links that no ``.gitignore`` names; those of a nested repository are its own.

    Args:
        root: the directory of the project, or of a repository in it.
        below: its path in the project, with a slash at its end.
        absent: receives the submodules that are not checked out.
    """
    if _is_in_repository(root):
        # Neither the user's own excludes nor the repository's: they are not the same on other machines.
        patterns = ("-c", "core.excludesFile=/dev/null", "ls-files", "--cached", "--others")
        listed = dict.fromkeys(git(root, *patterns, f"--exclude-per-directory={GIT_IGNORE}", "-z"))
    else:
        listing = working_copy.listing(root)
        if not any((root / folder / GIT_IGNORE).is_file() for folder in ("", *listing.directories)):
            return [f"{below}{path}" for path in (*(path for path, _ in listing.files), *listing.links)]
        listed = dict.fromkeys(_without_repository(root, f"--exclude-per-directory={GIT_IGNORE}"))
    files: list[str] = []
    for path in listed:
        place = root / path
        if not place.is_dir() or place.is_symlink():
            files.append(f"{below}{path}")
        elif (place / ".git").exists():
            files += _not_ignored(place, f"{below}{path.rstrip('/')}/", absent)
        else:
            absent.append(f"{below}{path.rstrip('/')}")
    return files


def _matched_by_none(patterns: Path, paths: Sequence[str]) -> list[str]:
    """Return the paths that no pattern of a file names; Git decides it on a tree of empty files of these names."""
    with tempfile.TemporaryDirectory() as tree:
        for path in paths:
            place = Path(tree, path)
            if _NEVER.isdisjoint(place.parts):
                place.parent.mkdir(parents=True, exist_ok=True)
                place.touch()
        return _without_repository(Path(tree), f"--exclude-from={patterns}")


def _closed_directories(root: Path, paths: Iterable[str]) -> list[str]:
    """Return the directories of which nothing travels: other artifact stores and virtual environments."""
    folders = {folder for path in paths for folder in map(str, PurePath(path).parents) if folder != "."}
    return [
        folder
        for folder in folders
        if (root / folder / "pyvenv.cfg").is_file()
        or ((root / folder / SCRATCH).is_dir() and any((root / folder).glob("*/*/run.json")))
    ]


def _is_behind_link(root: Path, path: str, links: dict[str, bool]) -> bool:
    """Return whether a directory of a path is a link: what Git tracks may have become one, which leads anywhere."""
    for folder in map(str, PurePath(path).parents):
        if folder not in links:
            links[folder] = folder != "." and (root / folder).is_symlink()
        if links[folder]:
            return True
    return False


def _travels(root: Path, path: str, hidden: Iterable[str]) -> bool:
    """Return whether a listed file travels; what Git tracks may be gone from the directory."""
    if not _NEVER.isdisjoint(path.split("/")) or not os.path.lexists(root / path):
        return False
    if any(path == folder or path.startswith(f"{folder}/") for folder in hidden):
        return False
    return not (path.endswith(".py") and is_generated(root / path))


def is_generated(file: Path) -> bool:
    """Return whether ``translate`` wrote a file."""
    try:
        with file.open("rb") as opened:
            return opened.read(len(MARKER)) == MARKER.encode()
    except OSError:
        return False


def _is_in_repository(root: Path) -> bool:
    try:
        return git(root, "rev-parse", "--is-inside-work-tree", separator="\n") == ["true"]
    except SelectionError:
        if any((folder / ".git").exists() for folder in (root, *root.parents)):
            raise
        return False


def _without_repository(root: Path, *patterns: str) -> list[str]:
    """Return the paths that patterns do not name, whatever a repository says; other repositories end with ``/``."""
    with tempfile.TemporaryDirectory() as empty:
        git(root, "init", "--quiet", "--bare", empty)
        own = (f"--git-dir={empty}", f"--work-tree={root}")
        return git(root, *own, "-c", "core.bare=false", "ls-files", "--others", "-z", *patterns)


def git(root: Path, *arguments: str, separator: str = "\0") -> list[str]:
    """Run a command of Git that changes nothing in the project; return what it lists.

    Raises:
        SelectionError: Git is not installed, or fails.
    """
    try:
        ended = subprocess.run(
            [*commits.GIT, *arguments],
            cwd=root,
            env=commits.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_TIMEOUT,
        )
    except FileNotFoundError:
        message = f"Git is not installed, which chooses the files of {root}"
        raise SelectionError(message, "install git") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SelectionError(f"Git cannot read {root}: {error}") from None
    if ended.returncode:
        reason = ended.stderr.decode("utf-8", "replace").strip().partition("\n")[0]
        raise SelectionError(f"Git cannot read {root}: {reason}")
    return [os.fsdecode(path) for path in ended.stdout.split(separator.encode()) if path]
