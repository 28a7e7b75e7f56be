"""Stage the files of a step's inputs in its workspace."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from translator.shim.catalogue.names import CatalogueError, DataNameError, kind_of
from translator.shim.contract import FileRecord, InputFiles, NamedData
from translator.shim.errors import TranslatorError
from translator.shim.files import digest
from translator.shim.files.digest import no_pulse
from translator.shim.files.paths import PathError, place, relative
from translator.shim.inputs import fetch
from translator.shim.masking.uris import masked, redact
from translator.shim.store import StoreError
from translator.shim.store.access import Access, AccessError, connection_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from translator.shim.catalogue.entries import NamedFile
    from translator.shim.catalogue.resolve import Resolution
    from translator.shim.contract import Input, Step
    from translator.shim.store import Store

# The maximum number of available files to list when an input stays empty.
_SHOWN = 10


class InputError(TranslatorError):
    """An input that cannot be staged; the message is for the user."""


@dataclass(frozen=True, slots=True)
class Source:
    """The sources of the files of one execution, and its callbacks.

    ``resolve`` resolves names of data, if the dialect has any, and ``data`` collects what they stand for. ``access``
    has the credentials for addresses.
    """

    store: Store
    project: Path
    default: Callable[[str], str]
    note: Callable[[str], None]
    pulse: Callable[[], None]
    resolve: Callable[[str], Resolution] | None = None
    data: list[NamedData] = field(default_factory=list)
    access: Access = field(default_factory=Access)


@dataclass(frozen=True, slots=True)
class _Staged:
    """A file that is staged, published or at a URI; the name of data that stood for it, if one did."""

    file: NamedFile
    written: str | None = None

    @property
    def uri(self) -> str:
        """The URI of the file, or its path in the project."""
        return self.file if isinstance(self.file, str) else self.file.uri


def fill(step_input: Input, wanted: InputFiles, folder: Path, source: Source) -> list[FileRecord]:
    """Fill one input.

    Args:
        step_input: the input.
        wanted: the files that edges bring, and the defaults that are used.
        folder: the directory of all inputs in the workspace, in which that of the input is created if it has files.
        source: where files come from.

    Returns:
        A record per file in the directory; ``path`` is relative to it.

    Raises:
        InputError: a file cannot be brought, or a required input stays empty.
    """
    names: dict[str, Resolution] = {}
    with _explained(step_input):
        places = _sure_places(step_input, wanted, source, names)
        own = folder / step_input.name
        if places:  # as on Valohai, where scripts ask whether an optional input has its directory
            own.mkdir()
        brought = [(bring_file(path, own, one.file, source), one.written) for path, one in places.items()]
    _record_names(names, brought, source)
    return [record for record, _ in brought]


def foreseen(step: Step, brought: Mapping[str, InputFiles], store: Store) -> dict[str, list[FileRecord]] | None:
    """Return the files that inputs will have, if all are in the store and nothing has to be said of them.

    Args:
        step: the step.
        brought: by input what edges bring.
        store: the artifact store.

    Returns:
        A record per file, by input, as ``fill`` returns them; None if they are only known once they are staged.
    """
    notes: list[str] = []
    source = Source(store, Path(), str, notes.append, no_pulse)
    records: dict[str, list[FileRecord]] = {}
    for step_input in step.inputs:
        wanted = brought.get(step_input.name) or InputFiles(defaults=step_input.default)
        in_store = all(store.owns(file.uri) for file in wanted.files)
        if wanted.defaults or wanted.warnings or step_input.on_demand or not in_store:
            return None
        try:
            places = _sure_places(step_input, wanted, source, {})
        except (InputError, PathError):
            return None
        records[step_input.name] = [
            replace(one.file, path=path) for path, one in places.items() if isinstance(one.file, FileRecord)
        ]
    return None if notes else records


def offers(step_input: Input, wanted: InputFiles, source: Source) -> dict[str, NamedFile]:
    """Return the files of an input that the command downloads itself, by their paths in its directory.

    Args:
        step_input: the input.
        wanted: the files that edges bring, and the defaults that are used.
        source: where files come from.

    Raises:
        InputError: a required input has no file, or one cannot be found.
    """
    names: dict[str, Resolution] = {}
    with _explained(step_input):
        places = _sure_places(step_input, wanted, source, names)
        for one in places.values():  # the command would hear of missing credentials only when it asks for the file
            if not source.store.owns(one.uri):
                connection_for(one.uri, source.access)
    published = [
        (replace(one.file, path=path), one.written) for path, one in places.items() if isinstance(one.file, FileRecord)
    ]
    _record_names(names, published, source)
    return {path: one.file for path, one in places.items()}


@contextmanager
def _explained(step_input: Input) -> Iterator[None]:
    """Turn the reasons why files cannot be found or brought into those of an input."""
    try:
        yield
    except (fetch.FetchError, AccessError, StoreError, PathError, CatalogueError, DataNameError) as error:
        raise InputError(f"input {step_input.name!r}: {error}") from error


def _record_names(
    names: Mapping[str, Resolution], files: Sequence[tuple[FileRecord, str | None]], source: Source
) -> None:
    """Record what names of data stood for; each file comes with the name that stood for it, if one did."""
    for written, resolution in names.items():
        known = [record for record, name in files if name == written]
        source.data.append(NamedData(written, resolution.name, resolution.source, known))


def _sure_places(
    step_input: Input, wanted: InputFiles, source: Source, names: dict[str, Resolution]
) -> dict[str, _Staged]:
    """Return the file for each path in the input's directory; a required input has at least one.

    Raises:
        PathError: the input has a name that no directory of inputs can have.
    """
    _check_segment(step_input.name)
    for warning in wanted.warnings:
        source.note(f"warning: {warning}")
    places = _places(step_input, wanted, source, names)
    if not places and not step_input.optional:
        raise InputError(empty(step_input, wanted))
    return places


def empty(step_input: Input, wanted: InputFiles) -> str:
    """Return why a required input has no file: the edges with their patterns, and the available files."""
    name = f"input {step_input.name!r} is required but has no file"
    if not wanted.edges:
        return f"{name}: it has no edge and no default; give it when the run starts"
    there = list(wanted.available[:_SHOWN])
    if len(wanted.available) > _SHOWN:
        there.append(f"and {len(wanted.available) - _SHOWN} more")
    text = f"{name}: no file matches {', '.join(wanted.edges)}; "
    text += f"available files: {', '.join(there)}" if there else "there are no files from complete executions"
    if step_input.default and not wanted.defaults:
        text += " (its defaults are not used, because an edge replaces them)"
    return text


def _places(step_input: Input, wanted: InputFiles, source: Source, names: dict[str, Resolution]) -> dict[str, _Staged]:
    """Return the file for each path in the input's directory; ``names`` receives what names of data stand for."""
    files: list[tuple[str, _Staged]] = []
    for default in wanted.defaults:
        uri = source.default(default)
        if source.resolve is not None and kind_of(uri) is not None:
            names[uri] = source.resolve(uri)
            files += [(path, _Staged(file, uri)) for path, file in _files_of_name(names[uri], step_input, source)]
            continue
        if source.store.owns(uri) and not wanted.launched:
            raise fetch.FetchError(f"{uri} is in the artifact store; add an edge from the node that writes it")
        files += [(path, _Staged(file)) for file, path in _files_at(uri, step_input, source)]
    files += [(place(record.path, step_input.keep_directories), _Staged(record)) for record in wanted.files]
    places: dict[str, _Staged] = {}
    for path, one in files:
        earlier = places.pop(path, None)
        if earlier is not None and earlier.uri != one.uri:
            source.note(f"warning: input {step_input.name!r}: {redact(one.uri)} overwrites {redact(earlier.uri)}")
        places[path] = one
    if step_input.filename:
        if len(places) == 1:
            return {relative(step_input.filename): next(iter(places.values()))}
        if places:
            source.note(
                f"warning: input {step_input.name!r} has {len(places)} files, so its filename "
                f"{step_input.filename!r} is ignored"
            )
    return places


def _files_of_name(resolution: Resolution, step_input: Input, source: Source) -> Iterator[tuple[str, NamedFile]]:
    """Yield the files that a name of data stands for, with their paths in the input's directory."""
    for file in resolution.files:
        if isinstance(file, FileRecord):
            yield place(file.path, step_input.keep_directories), file
        else:
            for uri, path in _files_at(file, step_input, source):
                yield path, uri


def _files_at(uri: str, step_input: Input, source: Source) -> list[tuple[str, str]]:
    """Return the files that a URI names, with their paths in the input's directory."""
    return fetch.find(uri, step_input, source.project, source.pulse, source.access)


def bring_file(path: str, folder: Path, wanted: NamedFile, source: Source) -> FileRecord:
    """Bring one file, published or at a URI, to ``path`` below ``folder``.

    Raises:
        fetch.FetchError: it cannot be fetched, or there is a directory in its place.
        StoreError: the file differs from the published one.
    """
    target = folder / path
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError:
        raise fetch.FetchError(
            f"{redact(_uri(wanted))} cannot be staged as {path!r}: another file has the name of its directory"
        ) from None
    if target.is_dir():
        raise fetch.FetchError(f"{redact(_uri(wanted))} cannot be staged as {path!r}: a directory has that name")
    if isinstance(wanted, FileRecord) and source.store.owns(wanted.uri):
        source.store.bring(wanted, target, source.pulse)
        record = replace(wanted, path=path)
    else:
        if isinstance(wanted, FileRecord) and masked(wanted.uri):
            raise fetch.FetchError(
                f"{wanted.uri} was downloaded with credentials, which are not stored; "
                "an edge cannot pass it on: make the URL a default of this input, too"
            )
        size, sha256 = fetch.fetch(_uri(wanted), target, source.project, source.pulse, source.access)
        if isinstance(wanted, FileRecord) and sha256 != wanted.sha256:
            raise fetch.FetchError(
                f"{redact(wanted.uri)} has changed since an earlier execution used it: "
                f"its SHA-256 is {sha256}, not {wanted.sha256}"
            )
        properties = wanted.properties if isinstance(wanted, FileRecord) else {}
        record = FileRecord(path, size, sha256, redact(_uri(wanted)), properties=properties)
    return replace(record, stamp=digest.stamp(target.stat()))


def changed(records: Mapping[str, list[FileRecord]], store: Store) -> list[str]:
    """Return the published files that the command changed through their links, which only root can do.

    Args:
        records: by input the files that were brought.
        store: where they are published.

    Returns:
        ``input/path`` of each.
    """
    return [
        f"{name}/{record.path}"
        for name, files in records.items()
        for record in files
        if store.owns(record.uri) and not store.intact(record)
    ]


def _uri(file: FileRecord | str) -> str:
    return file if isinstance(file, str) else file.uri


def _check_segment(name: str) -> None:
    if "/" in name:
        raise PathError(f"an input cannot be named {name!r}: its name is used as a directory")
    relative(name)
