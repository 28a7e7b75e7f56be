"""Resolve a name of data: the configuration counts first, then its resolvers, then the store's own catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, cast

from translator.shim.catalogue import configured, stored
from translator.shim.catalogue.configured import Configured
from translator.shim.catalogue.names import CatalogueError, DataName, kind_of, parse
from translator.shim.contract import FileRecord
from translator.shim.files.object_stores import REMOTE
from translator.shim.masking.uris import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from translator.shim.catalogue.entries import NamedFile
    from translator.shim.store import Store

RESOLVERS = "translator.resolvers"
"""The group of entry points of resolvers."""
Resolver: TypeAlias = "Callable[[str, str | None], Sequence[str] | str | None]"
"""``resolve(name, environment)``: returns the URIs that a name stands for, or another name; None if it knows none."""
_MOST = 10
"""The longest chain of names that stand for names."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """A name with the files that it stands for now.

    ``name`` is the name after all aliases, such as ``dataset://images/v3``; ``source`` says who knew it.
    """

    name: str
    source: str
    files: Sequence[NamedFile]


def resolve(written: str, configuration: Path | None, store: Store) -> Resolution:
    """Resolve a name of data.

    Args:
        written: the name, such as ``dataset://images/latest``.
        configuration: the configuration file with names, if there is one.
        store: the store, which has its own catalogue.

    Raises:
        DataNameError: it is not a name of data.
        CatalogueError: nothing knows it, or a catalogue cannot be read.
        StoreError: the store cannot be read.
    """
    known = configured.read(configuration) if configuration is not None else Configured()
    name = parse(written)
    for _ in range(_MOST):
        source, uris = _configured(name, known, configuration)
        if uris is None:
            return _stored(name, store, known, configuration, written)
        if len(uris) == 1 and kind_of(uris[0]) is not None:
            name = parse(uris[0])
            continue
        if nested := next((uri for uri in uris if kind_of(uri) is not None), None):
            raise CatalogueError(f"{name} stands for several addresses, so {nested} cannot be one of them ({source})")
        return Resolution(str(name), source, tuple(uris))
    raise CatalogueError(f"{written} stands for a name that stands for a name, and so on, {_MOST} times")


def _configured(name: DataName, known: Configured, configuration: Path | None) -> tuple[str, Sequence[str] | None]:
    """Return what the configuration or one of its resolvers has for a name, and which of them."""
    if (uris := known.names.get(str(name))) is not None:
        return str(configuration), uris
    for one in known.resolvers:
        answer = _answer(one, str(name), known.environment)
        if answer is not None:
            return f"resolver {one}", answer
    return "", None


def _answer(resolver: str, name: str, environment: str | None) -> Sequence[str] | None:
    from importlib.metadata import entry_points

    point = next(iter(entry_points(group=RESOLVERS, name=resolver)), None)
    if point is None:
        raise CatalogueError(
            f"the resolver {resolver!r} is not installed on this worker: install the package that registers it"
        )
    try:
        answer = cast("Resolver", point.load())(name, environment)
    except Exception as error:  # a resolver may raise anything
        raise CatalogueError(f"the resolver {resolver!r} failed for {name}: {type(error).__name__}: {error}") from error
    if answer is None:
        return None
    uris = [answer] if isinstance(answer, str) else list(answer)
    if not uris or not all(isinstance(uri, str) and uri for uri in uris):
        raise CatalogueError(f"the resolver {resolver!r} returned no URIs for {name}, but {answer!r}")
    return uris


def _stored(name: DataName, store: Store, known: Configured, configuration: Path | None, written: str) -> Resolution:
    entry = stored.find(store, name)
    if entry is None:
        alias = f" ({written} stands for it)" if written != str(name) else ""
        where = [f"the catalogue of the store {store.root}"]
        if configuration is not None:
            where.insert(0, f"{configuration}{f' ({known.environment})' if known.environment else ''}")
        where += [f"the resolver {one}" for one in known.resolvers]
        raise CatalogueError(
            f"{name}{alias} is not in {', nor in '.join(where)}; add it to [catalogue.names] in translator.toml, "
            f"or to the store: translate catalogue add {name} FILE"
        )
    for file in entry.files:
        _check_file(name, file, store)
    return Resolution(str(entry.name), store.root, entry.files)


def _check_file(name: DataName, file: NamedFile, store: Store) -> None:
    """Check that an entry of a store names no file of the worker: whoever writes to a store may not read those."""
    uri = file.uri if isinstance(file, FileRecord) else file
    if isinstance(file, FileRecord) and store.owns(uri):
        store.key(uri)  # raises if it leads out of the store
    elif uri.partition("://")[0] not in REMOTE:
        raise CatalogueError(f"{name} in the store's catalogue names {redact(uri)}, which only a worker could have")
