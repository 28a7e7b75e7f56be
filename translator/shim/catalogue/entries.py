"""Define the entries of a store's catalogue, and convert them to and from JSON.

An entry that an execution made counts only if the manifest of that try exists and is complete: the manifest is the
commit point of all that a try makes. Files in the store are written as in manifests, so that a store can be moved.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from translator.shim.catalogue.names import DataName, parse
from translator.shim.json_values.depth import TOO_DEEP, too_deep
from translator.shim.store import records
from translator.shim.store.manifest import checked, identity_of, identity_to_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from translator.shim.contract import ExecutionId, FileRecord

VERSION = 1

NamedFile: TypeAlias = "FileRecord | str"
"""A file with its digest, or the URI of one or, with wildcards, of several."""


@dataclass(frozen=True, slots=True)
class Entry:
    """The files that a name stands for.

    ``created`` is when it was made, ``maker`` the execution that made it, None if a person did.
    """

    name: DataName
    files: Sequence[NamedFile]
    created: str
    maker: ExecutionId | None = None


@dataclass(frozen=True, slots=True)
class Pointer:
    """A change of an alias: from then on ``alias`` stands for ``target``."""

    alias: DataName
    target: DataName
    created: str
    maker: ExecutionId | None = None


def to_json(entry: Entry | Pointer, root: str) -> dict[str, object]:
    """Return the JSON document of an entry; ``root`` is the URI of the store."""
    head: dict[str, object] = {
        "version": VERSION,
        "name": str(entry.name if isinstance(entry, Entry) else entry.alias),
        "created": entry.created,
        "maker": None if entry.maker is None else identity_to_json(entry.maker),
    }
    if isinstance(entry, Pointer):
        return {**head, "target": str(entry.target)}
    return {
        **head,
        "files": [
            {"uri": records.relative_uri(file, root)} if isinstance(file, str) else records.to_json(file, root)
            for file in entry.files
        ],
    }


def from_json(document: Any, root: str, where: str) -> Entry | Pointer:
    """Return the entry that ``to_json`` wrote.

    Args:
        document: the JSON document.
        root: the URI of the store that it was read from.
        where: the URI of the document, for messages.

    Raises:
        ValueError: the document is not an entry.
    """
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise ValueError(f"{where} is not an entry of a catalogue of version {VERSION}")
    try:
        if too_deep(document):
            raise ValueError(TOO_DEEP)  # noqa: TRY301 - one of many
        name, created = parse(checked(str, document["name"])), checked(str, document["created"])
        maker = None if document["maker"] is None else identity_of(document["maker"])
        if "target" in document:
            return Pointer(name, parse(checked(str, document["target"])), created, maker)
        return Entry(name, tuple(_file(file, root) for file in document["files"]), created, maker)
    except KeyError as error:
        raise ValueError(f"{where} is an incomplete entry of a catalogue: it has no {error}") from error
    except (TypeError, AttributeError, ValueError, RecursionError) as error:
        raise ValueError(f"{where} is not an entry of a catalogue: {error}") from error


def _file(document: Mapping[str, Any], root: str) -> NamedFile:
    if "sha256" in document:
        return records.from_json(document, root)
    return records.absolute_uri(checked(str, document["uri"]), root)
