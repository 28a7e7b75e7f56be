"""Find the project on a worker: in a directory, a snapshot from the artifact store, or a commit of a Git repository.

A generated file names the project by one of these:

- a path: the project is there on every worker, because it travels with the generated file (Git bundles, pull steps).
- ``snapshot:SHA256``: the archive that ``translate --code snapshot`` put into the artifact store.
- ``git+ADDRESS@COMMIT``: a commit of a Git repository.

The environment variable ``TRANSLATOR_PROJECT`` names a directory that counts instead.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from translator.shim import variables
from translator.shim.code.errors import CodeError, UnreachableError
from translator.shim.files.digest import no_pulse

if TYPE_CHECKING:
    from collections.abc import Callable

    from translator.shim.contract import FileRecord, StoreAddress
    from translator.shim.store import Store

__all__ = ["COMMIT", "SNAPSHOT", "CodeError", "UnreachableError", "archive_of", "directory", "is_fetched"]

SNAPSHOT = "snapshot:"
"""What the name of a snapshot begins with."""
COMMIT = "git+"
"""What the name of a commit begins with."""


def is_fetched(project: str | Path) -> bool:
    """Return whether workers fetch the project, which then has no changes of its own to keep.

    Args:
        project: how the generated file names it.
    """
    return not os.environ.get(variables.PROJECT) and isinstance(project, str) and project.startswith((SNAPSHOT, COMMIT))


def archive_of(project: str | Path, store: Store) -> FileRecord | None:
    """Return the archive of a project in the artifact store, if it is a snapshot.

    Args:
        project: how the generated file names it.
        store: the artifact store of the run.

    Raises:
        CodeError: it is called a snapshot, but not by a digest.
    """
    if not is_fetched(project) or not str(project).startswith(SNAPSHOT):
        return None
    from translator.shim.code import snapshots  # as below

    return snapshots.record(store, str(project).removeprefix(SNAPSHOT))


def directory(project: str | Path, store: Store | StoreAddress | str, pulse: Callable[[], None] = no_pulse) -> Path:
    """Return the directory of the project on this worker, which nobody may change if it was fetched.

    Args:
        project: how the generated file names it.
        store: the artifact store of the run, or its address.
        pulse: called while something is fetched; an exception ends the wait.

    Raises:
        CodeError: the snapshot is not in the store or is damaged, or the commit cannot be fetched.
        StoreError: the store cannot be read.
        OSError: there is no room for it.
    """
    if chosen := os.environ.get(variables.PROJECT):
        return Path(chosen)
    if not is_fetched(project):
        return Path(project)
    if str(project).startswith(COMMIT):
        from translator.shim.code import checkouts  # most projects travel with their generated files

        return checkouts.fetch(str(project), pulse)
    from translator.shim.code import snapshots
    from translator.shim.store import Store, open_store

    opened = store if isinstance(store, Store) else open_store(store)
    return snapshots.fetch(opened, str(project).removeprefix(SNAPSHOT), pulse)
