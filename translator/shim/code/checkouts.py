"""Fetch a commit of a project's Git repository once per worker.

How a generated file names it is how pip does: ``git+ADDRESS@COMMIT#subdirectory=DIRECTORY``. Git itself authenticates,
with the credential helpers and SSH keys of the worker's user.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from translator.shim.code.cache import folder, locked
from translator.shim.code.errors import CodeError, UnreachableError
from translator.shim.files.digest import no_pulse
from translator.shim.files.git_address import address, directory
from translator.shim.files.seal import is_sealed
from translator.shim.masking.uris import redact
from translator.shim.workspace import commits
from translator.shim.workspace.remotes import RemoteError

if TYPE_CHECKING:
    from collections.abc import Callable

_NAME = re.compile(
    r"git\+(?P<address>[^#]+)@(?P<commit>[0-9a-f]{40}(?:[0-9a-f]{24})?)(?:#subdirectory=(?P<directory>.+))?"
)


def name(remote: str, commit: str) -> str:
    """Return how a generated file names a commit.

    Args:
        remote: the address of the repository; what follows ``#`` is the project's directory in it.
        commit: the hash.
    """
    below = directory(remote)
    return f"git+{address(remote)}@{commit}{f'#subdirectory={below}' if below else ''}"


def fetch(project: str, pulse: Callable[[], None] = no_pulse) -> Path:
    """Return the directory of a project on this worker, as it is in a commit.

    Args:
        project: how a generated file names the commit.
        pulse: called while it is fetched; an exception ends the wait.

    Raises:
        CodeError: the name is not valid, the repository cannot be read, or it lacks the commit or the directory.
        WorkspaceError: this worker has no place that only its user can write to.
        OSError: there is no room for it.
    """
    match = _NAME.fullmatch(project)
    if match is None:
        raise CodeError(f"{redact(project)} does not name a commit: expected git+ADDRESS@COMMIT")
    cache = folder()
    link = cache / hashlib.sha256(project.encode()).hexdigest()
    if not is_sealed(link.resolve()):
        remote = f"{match['address']}#{match['directory']}" if match["directory"] else match["address"]
        with locked(cache / f".{link.name}.lock", pulse):
            if not is_sealed(link.resolve()):
                beside = cache / f".{link.name}.{os.urandom(4).hex()}"
                beside.symlink_to(_exported(remote, match["commit"], pulse))
                beside.replace(link)
    return link.resolve()


def _exported(remote: str, commit: str, pulse: Callable[[], None]) -> Path:
    try:
        return commits.export(Path("/"), commit, pulse, remote)  # no project is there, so the remote must have it
    except commits.CommitError as error:
        where = f"the project cannot be fetched from {redact(address(remote))}"
        if isinstance(error.__cause__, RemoteError):
            raise UnreachableError(f"{where}: {error.__cause__.message}", error.hint) from error
        raise CodeError(f"{where}: {error.message}", error.hint) from error
