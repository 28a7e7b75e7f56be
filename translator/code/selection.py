"""Choose the files of a project that travel: all but those that Git or Valohai's command line would leave out.

- In a Git repository: tracked files, and untracked ones that no ``.gitignore`` names.
- Elsewhere: all files that no ``.gitignore`` names.
- In both: without those that the project's ``.vhignore`` names, which has the syntax of a ``.gitignore``.

Git itself reads the patterns, so it must be installed if there are any. Directories called ``.git`` and
``__pycache__``, the artifact store, and files that ``translate`` wrote never travel: a generated file names the digest
of its snapshot, so it cannot be part of it.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from typing import TYPE_CHECKING

from translator.errors import TranslatorError
from translator.files import real
from translator.shim.workspace import commits, working_copy
from translator.targets.render import MARKER

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

GIT_IGNORE, VALOHAI_IGNORE = ".gitignore", ".vhignore"
_NEVER = frozenset((".git", "__pycache__"))
_TIMEOUT = 300.0


class SelectionError(TranslatorError):
    """A project whose files cannot be listed."""


def project_files(project: Path, store: Path | None = None) -> list[str]:
    """Return the paths of the files and links of a project that travel, in the order of their names.

    Args:
        project: the project's directory.
        store: the artifact store, if it is a directory.

    Raises:
        SelectionError: Git is missing but needed, or it cannot read the repository.
    """
    root = real(project)
    chosen = _not_ignored(root)
    if (root / VALOHAI_IGNORE).is_file():
        kept = _without_repository(root, "--exclude-from", VALOHAI_IGNORE)
        names = {path for path in kept if not path.endswith("/")}
        # Git lists a repository in another as one entry.
        inside = tuple(path for path in kept if path.endswith("/"))
        chosen = [path for path in chosen if path in names or path.startswith(inside)]
    hidden = os.path.relpath(real(store), root) if store is not None else None
    return sorted(path for path in chosen if _travels(root, path, hidden))


def _not_ignored(root: Path) -> list[str]:
    """Return the paths of files and links that no ``.gitignore`` names."""
    if _is_in_repository(root):
        listed = git(root, "ls-files", "--cached", "--others", "--exclude-standard", "-z")
        return _with_nested(root, dict.fromkeys(listed))
    if any(_is_named(root, folder) for folder in ("", *working_copy.listing(root).directories)):
        return _with_nested(root, _without_repository(root, "--exclude-per-directory", GIT_IGNORE))
    listing = working_copy.listing(root)
    return [*(path for path, _ in listing.files), *listing.links]


def _is_named(root: Path, folder: str) -> bool:
    return (root / folder / GIT_IGNORE).is_file()


def _with_nested(root: Path, paths: Iterable[str]) -> list[str]:
    """Return paths of files; of repositories in the project and submodules, which Git lists as one entry, theirs."""
    files: list[str] = []
    for path in paths:
        place = root / path
        if place.is_dir() and not place.is_symlink():
            folder = path.rstrip("/")
            files += [f"{folder}/{inner}" for inner in _not_ignored(place)]
        else:
            files.append(path)
    return files


def _travels(root: Path, path: str, hidden: str | None) -> bool:
    """Return whether a listed file travels; what Git tracks may be gone from the directory."""
    if not _NEVER.isdisjoint(path.split("/")) or not os.path.lexists(root / path):
        return False
    if hidden is not None and (path == hidden or path.startswith(f"{hidden}/")):
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
