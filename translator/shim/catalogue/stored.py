"""Keep the catalogue of a store: the names that steps and people gave to data.

Layout, besides the runs of the pipelines::

    <store>/.catalogue/datum/<alias>/<time>-<token>.json                 newest: what the alias stands for
    <store>/.catalogue/dataset/<name>/versions/<version>/<number>.json       newest that counts
    <store>/.catalogue/dataset/<name>/aliases/<alias>/<time>-<token>.json    newest: the version of the alias
    <store>/.catalogue/model/...                                         the same
    <store>/.catalogue/files/<kind>/<name>/<version>-<token>/<path>      files that people added

A version is made by one execution: of several at once, one wins. No file changes: a later try of that execution, or
another execution after the first has failed, adds a file with the next number. Each change of an alias has its own file
as well, and all together are its history.
"""

from __future__ import annotations

import os
import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from translator.shim.catalogue.entries import Entry, Pointer, from_json, to_json
from translator.shim.catalogue.names import LATEST, DataName
from translator.shim.contract import State
from translator.shim.errors import TranslatorError
from translator.shim.store import MANIFEST, NoManifestError, StoreError, segment, try_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from translator.shim.contract import ExecutionId
    from translator.shim.store import Store

FOLDER = ".catalogue"
"""No pipeline's directory has a name that begins with a dot."""
_VERSIONS, _ALIASES = "versions", "aliases"
_ROUNDS = 20
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
        changes = _changes(store, _alias_key(name))
        return next((one for one in changes if isinstance(one, Entry) and one.name == name), None)
    entry = _version(store, name)
    if entry is not None:
        return entry
    aliased = _aliased(store, _alias_key(name))
    return aliased[1] if aliased is not None and aliased[0].alias == name else None


def make(store: Store, entry: Entry, aliases: Sequence[str] = (), *, again: bool = False) -> Entry:
    """Make a version of a dataset or a model, or let a datum's alias stand for a file; return the entry as it is then.

    A version that has no name gets the next number. The newest version of all has the alias ``latest``.

    Args:
        store: the store.
        entry: the version, or the datum's alias with its file.
        aliases: names that stand for the version from now on.
        again: whether the maker may have made it before; then that version stays.

    Raises:
        TakenError: another execution or a person made that version, or an alias is the name of a version.
        StoreError: the store cannot be read or written.
    """
    if entry.name.kind == "datum":
        _append(store, _alias_key(entry.name), entry)
        return entry
    for alias in aliases:
        _check_alias(store, entry.name.at(alias))
    if entry.name.version:
        _make_version(store, entry)
    else:
        entry = _numbered(store, entry, again=again)
    for alias in (LATEST, *aliases):
        _append(
            store,
            _alias_key(entry.name.at(alias)),
            Pointer(entry.name.at(alias), entry.name, entry.created, entry.maker),
        )
    return entry


def point(store: Store, pointer: Pointer) -> None:
    """Let an alias stand for a version from now on.

    Raises:
        TakenError: there is a version of that name.
        StoreError: the store cannot be written.
    """
    _check_alias(store, pointer.alias)
    _append(store, _alias_key(pointer.alias), pointer)


def _check_alias(store: Store, alias: DataName) -> None:
    if _version(store, alias) is not None:
        raise TakenError(f"{alias} cannot be an alias, because there is a version of that name")


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
    if name.version and (there := _version(store, name)) is not None:
        raise TakenError(_taken(store, there, name))
    folder = f"{FOLDER}/files/{name.kind}/{segment(name.name)}/{segment(name.version or 'new')}-{os.urandom(4).hex()}"
    copied = [replace(store.put(source, f"{folder}/{path}"), path=path) for path, source in files.items()]
    return make(store, Entry(name, (*copied, *uris), created))


def remove(store: Store, name: DataName) -> bool:
    """Remove a version, or all changes of an alias; the files that it stands for stay. Returns whether it was there.

    Raises:
        StoreError: the store cannot be read or written.
    """
    for folder in [_alias_key(name)] if name.kind == "datum" else [_version_key(name), _alias_key(name)]:
        entries = _files(store, folder)
        for file in entries:
            store.remove(f"{folder}/{file}")
        if entries:
            return True
    return False


def names(store: Store, broken: Callable[[str], None]) -> Iterator[DataName]:
    """Yield the datums, and the datasets and models without a version, sorted by name.

    Args:
        store: the store.
        broken: is told why an entry cannot be read; the others are still listed.

    Raises:
        StoreError: the store cannot be listed.
    """
    for kind in ("datum", "dataset", "model"):
        for folder in sorted(store.names(f"{FOLDER}/{kind}")):
            try:
                name = _spelt(store, f"{FOLDER}/{kind}/{folder}", is_datum=kind == "datum")
            except StoreError as error:
                broken(str(error))
                continue
            if name is not None:
                yield replace(name, version="")


def versions(store: Store, name: DataName) -> list[Entry]:
    """Return the versions of a dataset or a model, the oldest first.

    Raises:
        StoreError: the store cannot be read.
    """
    folder = f"{_key(name)}/{_VERSIONS}"
    entries = [_newest(store, f"{folder}/{version}") for version in store.names(folder)]
    return sorted([one for one in entries if one is not None], key=lambda entry: (entry.created, entry.name.version))


def newest(store: Store, name: DataName) -> Entry | None:
    """Return the version of a dataset or a model that ``latest`` stands for, without reading the others.

    Raises:
        StoreError: the store cannot be read.
    """
    entry = find(store, name.at(LATEST))
    if entry is not None:
        return entry
    return next(reversed(versions(store, name)), None)  # the alias has been removed


def history(store: Store, alias: DataName) -> list[Entry | Pointer]:
    """Return the changes of an alias, the oldest first.

    Raises:
        StoreError: the store cannot be read.
    """
    return [*_changes(store, _alias_key(alias))][::-1]


def aliases(store: Store, name: DataName) -> dict[str, str]:
    """Return the aliases of a dataset or a model, and the version of each.

    Raises:
        StoreError: the store cannot be read.
    """
    folder = f"{_key(name)}/{_ALIASES}"
    found = [_aliased(store, f"{folder}/{alias}") for alias in sorted(store.names(folder))]
    return {pointer.alias.version: entry.name.version for pointer, entry in filter(None, found)}


def _make_version(store: Store, entry: Entry) -> None:
    if next(_changes(store, _alias_key(entry.name)), None) is not None:
        raise TakenError(f"{entry.name} cannot be a version, because there is an alias of that name")
    folder = _version_key(entry.name)
    document = to_json(entry, store.root)
    for _ in range(_ROUNDS):
        taken = _files(store, folder)
        for file in taken:
            other = _read(store, f"{folder}/{file}")
            if other is not None and not _is_replaced_by(store, other, entry):
                raise TakenError(_taken(store, other, entry.name))
        number = max((int(file[:-5]) for file in taken if file[:-5].isdecimal()), default=0) + 1
        if store.create_json(f"{folder}/{number:06d}.json", document) is None:
            return
    raise StoreError(f"{entry.name} cannot be made: others make it at the same time")


def _is_replaced_by(store: Store, other: Entry | Pointer, entry: Entry) -> bool:
    """Return whether an entry leaves room for another: it is of an earlier try of the same execution, or has failed."""
    if other.maker is None:
        return False
    if entry.maker is not None and _same_execution(other.maker, entry.maker):
        return True
    return _state(store, other.maker) not in {None, State.COMPLETE}


def _same_execution(maker: ExecutionId, other: ExecutionId) -> bool:
    return replace(maker, attempt=0) == replace(other, attempt=0)


def _taken(store: Store, other: Entry | Pointer, name: DataName) -> str:
    if other.maker is None:
        return f"{name} exists already: it was added by hand at {other.created}; choose another version"
    who = f"node {other.maker.node!r} of run {other.maker.run!r} of {other.maker.pipeline!r}"
    if _state(store, other.maker) is None:
        return f"{name} is being made by {who}; if that was killed, remove the entry: translate catalogue remove {name}"
    return f"{name} exists already: {who} made it at {other.created}; choose another version"


def _numbered(store: Store, entry: Entry, *, again: bool = False) -> Entry:
    """Make a version with the next number; a later try of the same execution keeps that of the first."""
    folder = f"{_key(entry.name)}/{_VERSIONS}"
    numbers = sorted(number for number in map(_number, store.names(folder)) if number is not None)
    if entry.maker is not None and (again or entry.maker.attempt > 1):
        for number in reversed(numbers):
            own = entry.name.at(f"v{number}")
            makers = [one.maker for one in _all(store, _version_key(own)) if one.maker is not None]
            if any(_same_execution(maker, entry.maker) for maker in makers):
                named = replace(entry, name=own)
                _make_version(store, named)
                return named
    start = max(numbers, default=0) + 1
    for number in range(start, start + _NUMBERED):
        numbered = replace(entry, name=entry.name.at(f"v{number}"))
        document = to_json(numbered, store.root)
        if store.create_json(f"{_version_key(numbered.name)}/000001.json", document) is None:
            return numbered
    raise StoreError(f"{entry.name} cannot be made: {_NUMBERED} versions are being made at the same time")


def _number(version: str) -> int | None:
    match = re.fullmatch(r"v([0-9]{1,9})", version)
    return int(match[1]) if match else None


def _version(store: Store, name: DataName) -> Entry | None:
    entry = _newest(store, _version_key(name))
    return entry if entry is not None and entry.name == name else None


def _newest(store: Store, folder: str) -> Entry | None:
    """Return the newest entry of a version that counts."""
    return next((one for one in _changes(store, folder) if isinstance(one, Entry)), None)


def _aliased(store: Store, folder: str) -> tuple[Pointer, Entry] | None:
    """Return the change of an alias that counts, the last whose version still exists, and that version."""
    for change in _changes(store, folder):
        if isinstance(change, Pointer) and (entry := _version(store, change.target)) is not None:
            return change, entry
    return None


def _all(store: Store, folder: str) -> Iterator[Entry | Pointer]:
    """Yield the entries in a directory, the newest first."""
    for file in reversed(_files(store, folder)):
        change = _read(store, f"{folder}/{file}")
        if change is not None:
            yield change


def _changes(store: Store, folder: str) -> Iterator[Entry | Pointer]:
    """Yield the entries in a directory that count, the newest first."""
    return (one for one in _all(store, folder) if _committed(store, one.maker))


def _spelt(store: Store, folder: str, *, is_datum: bool) -> DataName | None:
    """Return the name that a directory stands for, which an entry in it spells."""
    below = f"{folder}/{_VERSIONS}"
    for inner in [folder] if is_datum else [f"{below}/{version}" for version in store.names(below)]:
        for entry in _all(store, inner):
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


def _key(name: DataName) -> str:
    return f"{FOLDER}/{name.kind}/{segment(name.name)}"


def _version_key(name: DataName) -> str:
    return f"{_key(name)}/{_VERSIONS}/{segment(name.version)}"


def _alias_key(name: DataName) -> str:
    return _key(name) if name.kind == "datum" else f"{_key(name)}/{_ALIASES}/{segment(name.version)}"
