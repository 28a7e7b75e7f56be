"""Open the artifact store: one interface for directories and all object stores of fsspec."""

from __future__ import annotations

from translator.shim.contract import StoreAddress
from translator.shim.store.base import HURRY, NoManifestError, Store, StoreError
from translator.shim.store.keys import LOG, MANIFEST, OUTPUTS, RUN, STARTED, UPLOADS, key_of, segment, try_key

__all__ = [
    "HURRY",
    "LOG",
    "MANIFEST",
    "OUTPUTS",
    "RUN",
    "STARTED",
    "UPLOADS",
    "NoManifestError",
    "Store",
    "StoreAddress",
    "StoreError",
    "key_of",
    "open_store",
    "segment",
    "try_key",
]


def open_store(where: str | StoreAddress) -> Store:
    """Open a store.

    Args:
        where: a directory (path or ``file://``), or any URI that fsspec knows (``s3://``, ``gs://``, ``memory://``,
            ...), if necessary with options of its file system.

    Raises:
        StoreError: this kind of store is not installed, or the URI is invalid.
    """
    address = where if isinstance(where, StoreAddress) else StoreAddress(where)
    uri = address.uri
    if "://" not in uri or uri.startswith("file://"):
        from translator.shim.store.files import FileStore

        return FileStore(uri)
    from translator.shim.store.objects import ObjectStore

    return ObjectStore(uri, address.options)
