"""Keep the catalogue of a store: the names that steps and people gave to data.

Layout, besides the runs of the pipelines::

    <store>/.catalogue/datum/<alias>/<time>-<token>.json                 newest: what the alias stands for
    <store>/.catalogue/dataset/<name>/versions/<version>.json            written once
    <store>/.catalogue/dataset/<name>/aliases/<alias>/<time>-<token>.json    newest: the version of the alias
    <store>/.catalogue/model/...                                         the same
    <store>/.catalogue/files/<kind>/<name>/<version>-<token>/<path>      files that people added

A version is made by one execution: of several at once, one wins. Each change of an alias has its own file, so none is
lost, and all together are its history.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from translator.shim.catalogue.entries import Entry, Pointer, from_json, to_json
from translator.shim.catalogue.names import LATEST, DataName
from translator.shim.contract import State
from translator.shim.errors import TranslatorError
from translator.shim.store import MANIFEST, NoManifestError, StoreError, segment, try_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from translator.shim.contract import ExecutionId
    from translator.shim.store import Store

FOLDER = ".catalogue"
"""No pipeline's directory has a name that begins with a dot."""
_VERSIONS, _ALIASES = "versions", "aliases"
_NUMBERED = 1_000
"""The number of versions made at once after which numbering is given up."""


class TakenError(TranslatorError):
    """A version that exists already; the message says who made it."""


def find(store: Store, name: DataName) -> Entry | None:
    """Return what a name stands for in a store; None if it is not there.

    Raises:
        StoreError: the store cannot be read, or has something else there.
    """
    if name.kind == "datum":
        return next((one for one in _changes(store, _datum_key(name)) if isinstance(one, Entry)), None)
    entry = _version(store, name)
    if entry is not None:
        return entry
    return _aliased(store, _alias_key(name))


def make(store: Store, entry: Entry) -> Entry:
    """Make a version of a dataset or a model, or let a datum's alias stand for a file; return the entry as it is then.

    A version that has no name gets the next number. The newest version of all has the alias ``latest``.

    Raises:
        TakenError: another execution or a person made that version.
        StoreError: the store cannot be read or written.
    """
    if entry.name.kind == "datum":
        _append(store, _datum_key(entry.name), entry)
        return entry
    if entry.name.version:
        _make_version(store, entry)
    else:
        entry = _numbered(store, entry)
    point(store, Pointer(entry.name.at(LATEST), entry.name, entry.created, entry.maker))
    return entry


def point(store: Store, pointer: Pointer) -> None:
    """Let an alias stand for a version from now on.

    Raises:
        TakenError: there is a version of that name.
        StoreError: the store cannot be written.
    """
    if _exists(store, _version_key(pointer.alias)):
        raise TakenError(f"{pointer.alias} cannot be an alias, because there is a version of that name")
    _append(store, _alias_key(pointer.alias), pointer)


def add(store: Store, name: DataName, files: Mapping[str, Path], uris: Sequence[str], created: str) -> Entry:
    """Add data by hand: copies local files into the store, and gives them and URIs a name.

    Args:
        store: the store.
        name: the name: a new version of a dataset or a model, or an alias of one file.
        files: local files by their paths in the data.
        uris: addresses of other files, which stay where they are.
        created: the time.

    Raises:
        TakenError: that version exists.
        StoreError: a file cannot be read, or the store cannot be read or written.
    """
    if name.version and (other := _read(store, _version_key(name))) is not None:
        raise TakenError(_taken(store, other, name))
    folder = f"{FOLDER}/files/{name.kind}/{segment(name.name)}/{segment(name.version or 'new')}-{os.urandom(4).hex()}"
    copied = [replace(store.put(source, f"{folder}/{path}"), path=path) for path, source in files.items()]
    return make(store, Entry(name, (*copied, *uris), created))


def remove(store: Store, name: DataName) -> bool:
    """Remove a version, or all changes of an alias; the files that it stands for stay. Returns whether it was there.

    Raises:
        StoreError: the store cannot be read or written.
    """
    version = _version_key(name)
    if name.kind != "datum" and _exists(store, version):
        store.remove(version)
        return True
    folder = _datum_key(name) if name.kind == "datum" else _alias_key(name)
    changes = _files(store, folder)
    for file in changes:
        store.remove(f"{folder}/{file}")
    return bool(changes)


def names(store: Store) -> Iterator[DataName]:
    """Yield the datums, and the datasets and models without a version, sorted by name.

    Raises:
        StoreError: the store cannot be read.
    """
    for kind in ("datum", "dataset", "model"):
        for folder in sorted(store.names(f"{FOLDER}/{kind}")):
            name = _spelt(store, f"{FOLDER}/{kind}/{folder}", is_datum=kind == "datum")
            if name is not None:
                yield replace(name, version="")


def versions(store: Store, name: DataName) -> list[Entry]:
    """Return the versions of a dataset or a model, the oldest first.

    Raises:
        StoreError: the store cannot be read.
    """
    folder = f"{_key(name)}/{_VERSIONS}"
    entries = [_read(store, f"{folder}/{file}") for file in _files(store, folder)]
    committed = [one for one in entries if isinstance(one, Entry) and _committed(store, one.maker)]
    return sorted(committed, key=lambda entry: (entry.created, entry.name.version))


def history(store: Store, alias: DataName) -> list[Entry | Pointer]:
    """Return the changes of an alias, the oldest first.

    Raises:
        StoreError: the store cannot be read.
    """
    return [*_changes(store, _datum_key(alias) if alias.kind == "datum" else _alias_key(alias))][::-1]


def aliases(store: Store, name: DataName) -> dict[str, str]:
    """Return the aliases of a dataset or a model, and the version of each.

    Raises:
        StoreError: the store cannot be read.
    """
    folder = f"{_key(name)}/{_ALIASES}"
    versions_by_alias = {}
    for one in sorted(store.names(folder)):
        pointer = next(_changes(store, f"{folder}/{one}"), None)
        entry = _aliased(store, f"{folder}/{one}")
        if isinstance(pointer, Pointer) and entry is not None:
            versions_by_alias[pointer.alias.version] = entry.name.version
    return versions_by_alias


def _make_version(store: Store, entry: Entry) -> None:
    key = _version_key(entry.name)
    content = _content(store, entry)
    there = store.create(key, content)
    if there is None:
        return
    other = _read(store, key)
    if other is not None and _by_another(store, other, entry):
        raise TakenError(_taken(store, other, entry.name))
    store.write(key, content)


def _by_another(store: Store, other: Entry | Pointer, entry: Entry) -> bool:
    """Return whether another maker's version forbids this one; a later try of an execution replaces its own."""
    if other.maker is None or entry.maker is None:
        return True
    if replace(other.maker, attempt=0) == replace(entry.maker, attempt=0):
        return False
    return _state(store, other.maker) in {None, State.COMPLETE}


def _taken(store: Store, other: Entry | Pointer, name: DataName) -> str:
    if other.maker is None:
        return f"{name} exists already: it was added by hand at {other.created}; choose another version"
    who = f"node {other.maker.node!r} of run {other.maker.run!r} of {other.maker.pipeline!r}"
    if _state(store, other.maker) is None:
        return f"{name} is being made by {who}; if that was killed, remove the entry: translate catalogue remove {name}"
    return f"{name} exists already: {who} made it at {other.created}; choose another version"


def _numbered(store: Store, entry: Entry) -> Entry:
    """Make a version with the next number; a later try of the same execution keeps that of the first."""
    folder = f"{_key(entry.name)}/{_VERSIONS}"
    taken = [one for one in map(_number, _files(store, folder)) if one is not None]
    if entry.maker is not None and entry.maker.attempt > 1:
        for number in sorted(taken, reverse=True):
            own = _read(store, f"{folder}/{segment(f'v{number}')}.json")
            if own is not None and own.maker and replace(own.maker, attempt=0) == replace(entry.maker, attempt=0):
                numbered = replace(entry, name=entry.name.at(f"v{number}"))
                store.write(_version_key(numbered.name), _content(store, numbered))
                return numbered
    start = max(taken, default=0) + 1
    for number in range(start, start + _NUMBERED):
        numbered = replace(entry, name=entry.name.at(f"v{number}"))
        if store.create(_version_key(numbered.name), _content(store, numbered)) is None:
            return numbered
    raise StoreError(f"{entry.name} gets no number: {_NUMBERED} versions are being made at once")


def _number(file: str) -> int | None:
    text = file.removesuffix(".json").removeprefix("v")
    return int(text) if text.isdecimal() and text.isascii() and file.startswith("v") else None


def _version(store: Store, name: DataName) -> Entry | None:
    entry = _read(store, _version_key(name))
    return entry if isinstance(entry, Entry) and _committed(store, entry.maker) else None


def _aliased(store: Store, folder: str) -> Entry | None:
    """Return the version that an alias stands for: the last that it was given and that still exists."""
    for change in _changes(store, folder):
        if isinstance(change, Pointer) and (entry := _version(store, change.target)) is not None:
            return entry
    return None


def _changes(store: Store, folder: str) -> Iterator[Entry | Pointer]:
    """Yield the changes of an alias that count, the newest first."""
    for file in reversed(_files(store, folder)):
        change = _read(store, f"{folder}/{file}")
        if change is not None and _committed(store, change.maker):
            yield change


def _spelt(store: Store, folder: str, *, is_datum: bool) -> DataName | None:
    """Return the name that a directory stands for, which an entry in it spells."""
    below = folder if is_datum else f"{folder}/{_VERSIONS}"
    for file in _files(store, below):
        entry = _read(store, f"{below}/{file}")
        if isinstance(entry, Entry):
            return entry.name
    return None


def _committed(store: Store, maker: ExecutionId | None) -> bool:
    return maker is None or _state(store, maker) is State.COMPLETE


def _state(store: Store, maker: ExecutionId) -> State | None:
    """Return how the try ended that made an entry; None if it has no manifest yet."""
    try:
        return store.manifest(store.uri(try_key(maker, MANIFEST))).state
    except NoManifestError:
        return None


def _files(store: Store, folder: str) -> list[str]:
    """Return the names of the entries in a directory, without what writers leave beside them."""
    return sorted(name for name in store.names(folder) if name.endswith(".json") and not name.startswith("."))


def _read(store: Store, key: str) -> Entry | Pointer | None:
    try:
        return from_json(store.read_json(key), store.root, store.uri(key))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise StoreError(str(error)) from error


def _append(store: Store, folder: str, change: Entry | Pointer) -> None:
    name = f"{time.time_ns():020d}-{os.urandom(4).hex()}.json"
    store.write_json(f"{folder}/{name}", to_json(change, store.root))


def _content(store: Store, entry: Entry) -> bytes:
    import json

    return f"{json.dumps(to_json(entry, store.root), indent=2, ensure_ascii=False)}\n".encode("utf-8", "replace")


def _exists(store: Store, key: str) -> bool:
    return _read(store, key) is not None


def _key(name: DataName) -> str:
    return f"{FOLDER}/{name.kind}/{segment(name.name)}"


def _datum_key(name: DataName) -> str:
    return _key(name)


def _version_key(name: DataName) -> str:
    return f"{_key(name)}/{_VERSIONS}/{segment(name.version)}.json"


def _alias_key(name: DataName) -> str:
    return f"{_key(name)}/{_ALIASES}/{segment(name.version)}"
