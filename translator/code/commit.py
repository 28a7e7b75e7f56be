"""Name the commit of a project, which workers fetch from its Git repository."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from translator.code.selection import SelectionError, git, is_generated
from translator.shim.code import checkouts
from translator.shim.files.git_address import ADDRESS, directory

if TYPE_CHECKING:
    from pathlib import Path

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Commit:
    """The commit of a project's working tree: its name in generated files, and what workers would miss."""

    name: str
    remote: str
    """The address of the repository, with the project's directory in it."""
    problems: tuple[str, ...] = ()


def commit_of(project: Path, remote: str) -> Commit:
    """Return the commit that a project's directory is at.

    Args:
        project: the project's directory.
        remote: the address of its repository, for workers.

    Raises:
        SelectionError: the project is not in a Git repository, or that has no commit.
    """
    (commit,) = git(project, "rev-parse", "--verify", "--end-of-options", "HEAD", separator="\n")
    below = "".join(git(project, "rev-parse", "--show-prefix", separator="\n")).strip("/")
    if directory(remote) is None and below:
        remote = f"{remote.rstrip('#')}#{below}"
    if re.fullmatch(ADDRESS, remote) is None:
        raise SelectionError(f"the directory {below!r} cannot be named in git_remote", "rename it: no spaces, no #")
    problems = []
    status = (
        *_without_filters(project),
        "status",
        "--porcelain",
        "--untracked-files=all",
        "--no-renames",
        "-z",
        "--",
        ".",
    )
    changed = [entry[3:] for entry in git(project, *status)]
    root = project.resolve().parents[below.count("/")] if below else project.resolve()
    if own := [path for path in changed if not is_generated(root / path)]:
        more = f" and {len(own) - _SHOWN} more" if len(own) > _SHOWN else ""
        problems.append(f"the commit {commit[:10]} lacks changes of {', '.join(own[:_SHOWN])}{more}; commit them")
    if not git(project, "branch", "--remotes", "--contains", commit, separator="\n"):
        problems.append(f"no branch of a remote has the commit {commit[:10]}, as far as is known here; push it")
    return Commit(checkouts.name(remote, commit), remote, tuple(problems))


def _without_filters(project: Path) -> tuple[str, ...]:
    """Return options of Git with which the filters that a repository configures, which are programs, do not run."""
    pattern = r"^filter\..*\.(clean|smudge|process|required)$"
    try:
        names = git(project, "config", "--local", "--includes", "--name-only", "-z", "--get-regexp", pattern)
    except SelectionError:  # there are none
        return ()
    drivers = dict.fromkeys(name.rpartition(".")[0] for name in names)
    if odd := next((driver for driver in drivers if "=" in driver), None):
        raise SelectionError(f"the changes of {project} cannot be listed: its repository has the filter {odd!r}")
    off = {"clean": "", "smudge": "", "process": "", "required": "false"}
    return tuple(part for driver in drivers for key, value in off.items() for part in ("-c", f"{driver}.{key}={value}"))
