"""File records to and from JSON.

A file that lies in the store is written as ``store:<path below the store's root>``, so that a store can be moved, or
seen under another address from another machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from translator.shim.contract import FileRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

_STORE = "store:"


def to_json(file: FileRecord, root: str) -> dict[str, object]:
    """The JSON document of ``file``; ``root`` is the URI of the store."""
    uri = file.uri
    if uri.startswith(f"{root}/"):
        uri = _STORE + uri[len(root) + 1 :]
    return {"path": file.path, "size": file.size, "sha256": file.sha256, "uri": uri, "stamp": file.stamp}


def from_json(document: Mapping[str, Any], root: str) -> FileRecord:
    """The record that ``to_json`` wrote."""
    uri = str(document["uri"])
    if uri.startswith(_STORE):
        uri = f"{root}/{uri[len(_STORE) :]}"
    return FileRecord(
        path=document["path"], size=document["size"], sha256=document["sha256"], uri=uri, stamp=document["stamp"]
    )
