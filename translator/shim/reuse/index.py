"""Find complete executions in a store by their keys.

Layout, besides the runs of the pipelines::

    <store>/.reuse/executions/<first two digits>/<key>/<time>-<token>.json    the manifest of an execution with this key
    <store>/.reuse/code/<digest>.json                                         the files of a project, for people

Entries have unique names and are never changed, so concurrent writers need no locks. An entry is a hint: whoever finds
one checks the manifest that it names, because the execution may have been deleted, marked as failed, or changed.
"""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING

from translator.shim.contract import State
from translator.shim.files.paths import PathError, relative
from translator.shim.outcome import rejected
from translator.shim.reuse import key as keys
from translator.shim.reuse.project_files import EXECUTIONS, FOLDER, digest_of
from translator.shim.store import MANIFEST, StoreError, try_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from translator.shim.contract import Manifest
    from translator.shim.reuse.project_files import ProjectFiles
    from translator.shim.store import Store

_CODE = f"{FOLDER}/code"
_MOST = 20
"""How many executions with one key are looked at, the newest first."""
_MOST_FILES = 2_000
"""The number of files of a project beyond which they are not listed for people."""
_DIGEST = re.compile(r"[0-9a-f]{64}")


def enter(store: Store, key: str, uri: str) -> None:
    """Enter a complete execution under its key.

    Args:
        store: the store.
        key: the digest.
        uri: that of its manifest, in this store.

    Raises:
        StoreError: the store cannot be written.
    """
    name = f"{time.time_ns():020d}-{os.urandom(4).hex()}.json"
    store.write_json(f"{_folder(key)}/{name}", {"manifest": store.key(uri)}, lasting=False)


def enter_code(store: Store, files: ProjectFiles) -> None:
    """Enter the files of a project under their digest, so that ``translate why`` can name those that differ.

    Raises:
        StoreError: the store cannot be written.
    """
    if len(files.files) > _MOST_FILES:
        return
    key = f"{_CODE}/{files.digest}.json"
    try:
        if store.scratch() is not None and store.read(key):  # an object store is as fast at writing
            return
    except FileNotFoundError:
        pass
    store.write_json(key, {"files": dict(files.files)}, lasting=False)


def code(store: Store, digest: str) -> Mapping[str, str] | None:
    """Return the files of a project by the digest of all; None if the store does not have them, or others.

    Raises:
        StoreError: the store cannot be read.
    """
    if not _DIGEST.fullmatch(digest):
        return None
    try:
        document = store.read_json(f"{_CODE}/{digest}.json")
    except FileNotFoundError:
        return None
    files = document.get("files") if isinstance(document, dict) else None
    if not isinstance(files, dict) or not all(isinstance(one, str) for one in files.values()):
        return None
    return files if digest_of(files) == digest else None


def find(store: Store, key: str) -> Iterator[Manifest]:
    """Yield the complete executions with a key, the newest first, whether or not their outputs are still there.

    Args:
        store: the store; what it contains is not trusted.
        key: the digest.

    Raises:
        StoreError: the store cannot be read.
    """
    folder = _folder(key)
    entries = sorted((name for name in store.names(folder) if name.endswith(".json") and name[:1] != "."), reverse=True)
    for entry in entries[:_MOST]:
        manifest = _read(store, f"{folder}/{entry}")
        if manifest is not None and keys.belongs_to(key, manifest):
            yield manifest


def _read(store: Store, entry: str) -> Manifest | None:
    """Return the manifest that an entry names; None if it does not count."""
    try:
        document = store.read_json(entry)
        place = document.get("manifest") if isinstance(document, dict) else None
        if not isinstance(place, str) or not place.endswith(f"/{MANIFEST}"):
            return None
        manifest = store.manifest(store.uri(relative(place)))
    except (FileNotFoundError, StoreError, PathError):  # deleted, or damaged
        return None
    is_own = place == try_key(manifest.id, MANIFEST)
    counts = manifest.state is State.COMPLETE and not manifest.reused and not rejected.is_marked(store, manifest.uri)
    return manifest if is_own and counts else None


def _folder(key: str) -> str:
    return f"{EXECUTIONS}/{key[:2]}/{key}"
