"""Convert file records to and from JSON.

A file in the store is written as ``store:<path below the store's root>``, so that a store can be moved, or
seen under another address from another machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from translator.shim.contract import FileRecord
from translator.shim.files.paths import relative

if TYPE_CHECKING:
    from collections.abc import Mapping

_STORE = "store:"
_LARGEST = 2**63
"""Bytes that no file has."""


def to_json(file: FileRecord, root: str) -> dict[str, object]:
    """Return the JSON document of ``file``; ``root`` is the URI of the store."""
    document: dict[str, object] = {
        "path": file.path,
        "size": file.size,
        "sha256": file.sha256,
        "uri": relative_uri(file.uri, root),
        "stamp": file.stamp,
    }
    if file.masked_path:
        document["shown"] = file.masked_path
    if file.properties:
        document["properties"] = dict(file.properties)
    return document


def from_json(document: Mapping[str, Any], root: str) -> FileRecord:
    """Return the record that ``to_json`` wrote.

    Raises:
        KeyError, TypeError, ValueError: the document is not a record.
    """
    path, size, sha256, uri, stamp = (document[name] for name in ("path", "size", "sha256", "uri", "stamp"))
    shown = document.get("shown", "")
    if not all(isinstance(text, str) for text in (path, sha256, uri, stamp, shown)):
        raise TypeError("a file has a path, a digest or a URI that is not a string")
    if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size < _LARGEST:
        raise TypeError(f"the file {path!r} has a size that is not a number")
    properties = document.get("properties", {})
    if not isinstance(properties, dict):
        raise TypeError(f"the file {path!r} has properties that are not an object")
    return FileRecord(relative(path), size, sha256, absolute_uri(uri, root), stamp, shown, properties)


def relative_uri(uri: str, root: str) -> str:
    """Return a URI as it is written in the store at ``root``."""
    return _STORE + uri[len(root) + 1 :] if uri.startswith(f"{root}/") else uri


def absolute_uri(uri: str, root: str) -> str:
    """Return the URI that ``relative_uri`` wrote."""
    return f"{root}/{uri[len(_STORE) :]}" if uri.startswith(_STORE) else uri
