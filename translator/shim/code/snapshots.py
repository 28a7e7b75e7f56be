"""Keep snapshots of projects in the artifact store, and fetch each once per worker.

Layout, beside the runs of the pipelines::

    <store>/.code/<sha256>.tar

On a worker, snapshots are kept in the user's cache directory, which no other user can write to. Those that no
execution has used for a month are removed.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from translator.shim.code.archive import unpack
from translator.shim.code.cache import folder, locked
from translator.shim.code.errors import CodeError
from translator.shim.contract import FileRecord
from translator.shim.files.digest import no_pulse
from translator.shim.files.seal import discard, is_sealed, seal
from translator.shim.store import StoreError
from translator.shim.workspace import remove

if TYPE_CHECKING:
    from collections.abc import Callable

    from translator.shim.store import Store

FOLDER = ".code"
"""No pipeline's directory has a name that begins with a dot."""
_DIGEST = re.compile(r"[0-9a-f]{64}")
_HINT = "put it there: translate again with --code snapshot, and with the store that the workers use"
_ABANDONED = 24 * 3600.0
"""The seconds after which a fetch that was not finished is removed."""
_UNUSED = 30 * 24 * 3600.0
"""The seconds after which an unused snapshot is removed from a worker."""


def key(sha256: str) -> str:
    """Return the key of a snapshot in a store.

    Raises:
        CodeError: it is not a digest.
    """
    if not _DIGEST.fullmatch(sha256):
        raise CodeError(f"{sha256!r} does not name a snapshot: expected 64 hexadecimal digits")
    return f"{FOLDER}/{sha256}.tar"


def record(store: Store, sha256: str) -> FileRecord:
    """Return the archive of a snapshot as a file of the store; its size is not known.

    Raises:
        CodeError: it is not a digest.
    """
    return FileRecord(f"{sha256}.tar", 0, sha256, store.uri(key(sha256)))


def is_stored(store: Store, sha256: str) -> bool:
    """Return whether a store has a snapshot.

    Raises:
        StoreError: the store cannot be listed.
    """
    return key(sha256).rpartition("/")[2] in store.names(FOLDER)


def put(store: Store, archive: Path, sha256: str) -> None:
    """Put the archive of a snapshot into a store.

    Raises:
        StoreError: the store cannot be written.
    """
    record = store.put(archive, key(sha256))
    if record.sha256 != sha256:
        raise StoreError(f"the file {archive} changed while it was copied to {record.uri}")


def fetch(store: Store, sha256: str, pulse: Callable[[], None] = no_pulse) -> Path:
    """Return the directory of a snapshot on this worker.

    Args:
        store: the artifact store.
        sha256: the digest of its archive.
        pulse: called while another process fetches it, and between blocks; an exception ends the wait.

    Raises:
        CodeError: the snapshot is not in the store, or its archive does not have the digest.
        StoreError: the store cannot be read.
        WorkspaceError: this worker has no place that only its user can write to.
        OSError: there is no room for it.
    """
    archive = record(store, sha256)
    cache = folder()
    target = cache / sha256
    if not is_sealed(target):
        with locked(cache / f".{sha256}.lock", pulse):
            if not is_sealed(target):
                discard(target)  # a command may have changed it
                _fetch(store, archive, target, pulse)
                _sweep(cache)
    with contextlib.suppress(OSError):
        os.utime(target)
    return target


def _fetch(store: Store, record: FileRecord, target: Path, pulse: Callable[[], None]) -> None:
    place = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name[:10]}-"))
    try:
        archive = place / "archive"
        if not is_stored(store, record.sha256):
            raise CodeError(f"the snapshot of the project is not in the store: {record.uri} does not exist", _HINT)
        store.bring(record, archive, pulse)
        project = place / "project"
        project.mkdir()
        with archive.open("rb") as file:
            try:
                unpack(file, project, pulse)
            except CodeError as error:
                raise CodeError(f"the snapshot {record.uri} is not valid: {error.message}") from None
        with contextlib.suppress(FileExistsError):
            project.rename(target)
        seal(target)
    finally:
        remove(place)


def _sweep(cache: Path) -> None:
    """Remove snapshots that have not been used for long, and what killed workers left."""
    with contextlib.suppress(OSError):
        for entry in os.scandir(cache):
            hidden = entry.name.startswith(".")
            age = time.time() - entry.stat(follow_symlinks=False).st_mtime
            if not entry.is_dir(follow_symlinks=False) or age < (_ABANDONED if hidden else _UNUSED):
                continue
            if hidden:
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                discard(Path(entry.path))
