"""Give names to what an execution made, as the properties of its outputs say.

- ``valohai.alias``: ``datum://ALIAS`` stands for the file from now on.
- ``valohai.dataset-versions``: the file is in these new versions of datasets: each is ``dataset://NAME/VERSION``, or an
  object with ``uri`` and options. All files that name a version are in it.
- ``valohai.model-versions``: the same for models: ``model://NAME/`` gets the next number.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from translator.shim.catalogue import stored
from translator.shim.catalogue.entries import Entry
from translator.shim.catalogue.names import DataName, DataNameError, parse
from translator.shim.contract import FileRecord
from translator.shim.errors import TranslatorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from translator.shim.catalogue.entries import NamedFile
    from translator.shim.contract import ExecutionId, Json
    from translator.shim.store import Store

ALIAS = "valohai.alias"
DATASETS = "valohai.dataset-versions"
MODELS = "valohai.model-versions"
_OPTIONS = {
    "dataset": ("uri", "from", "start_fresh", "exclude", "targeting_aliases", "packaging"),
    "model": ("model_uri", "uri", "model_version_tags", "model_release_note", "targeting_aliases"),
}
_KIND = {DATASETS: "dataset", MODELS: "model"}


class MakingError(TranslatorError, ValueError):
    """A name that cannot be given; the message is for the user."""


@dataclass(slots=True)
class _Version:
    """A version that is made: its files, and what its options say together."""

    name: DataName
    files: list[FileRecord] = field(default_factory=list)
    base: DataName | None = None
    fresh: bool = False
    excluded: list[str] = field(default_factory=list)
    aliases: list[str] = field(default_factory=list)


def make(  # noqa: PLR0913 - the last has a default
    store: Store,
    outputs: Sequence[FileRecord],
    maker: ExecutionId,
    created: str,
    note: Callable[[str], None],
    *,
    again: bool = False,
) -> None:
    """Make the versions and aliases that the properties of published files ask for.

    They count as soon as the manifest of the try is written.

    Args:
        store: the store.
        outputs: the published files.
        maker: the execution that made them.
        created: the time.
        note: writes a line to the log of the execution.
        again: whether the execution has made its names before: its versions stay, and its aliases are set again.

    Raises:
        MakingError: properties ask for something that cannot be, or a version exists already.
        StoreError: the store cannot be read or written.
    """
    aliases = {name: file for file in outputs if (name := _alias(file)) is not None}
    versions = _versions(outputs, note)
    entries = [(version, Entry(version.name, _files(store, version), created, maker)) for version in versions]
    try:
        for version, entry in entries:
            done = stored.make(store, entry, version.aliases, again=again)
            note(f"made {done.name} with {len(done.files)} {'file' if len(done.files) == 1 else 'files'}")
            for alias in version.aliases:
                note(f"{done.name.at(alias)} is {done.name} from now on")
        for name, file in aliases.items():
            stored.make(store, Entry(name, (file,), created, maker))
            note(f"{name} is {file.path} from now on")
    except stored.TakenError as error:
        raise MakingError(str(error)) from None


def _alias(file: FileRecord) -> DataName | None:
    written = file.properties.get(ALIAS)
    if written is None:
        return None
    if not isinstance(written, str):
        raise MakingError(f"{ALIAS} of {file.path!r} must be a string")
    try:
        name = parse(written if "://" in written else f"datum://{written}", new=True)
    except DataNameError as error:
        raise MakingError(f"{ALIAS} of {file.path!r}: {error}") from None
    if name.kind != "datum":
        raise MakingError(f"{ALIAS} of {file.path!r}: {written!r} is not the alias of a datum")
    return name


def _versions(outputs: Sequence[FileRecord], note: Callable[[str], None]) -> Iterator[_Version]:
    """Yield the versions that files are in, by name."""
    versions: dict[DataName, _Version] = {}
    for file in outputs:
        for key, kind in _KIND.items():
            listed = file.properties.get(key, ())
            for one in [listed] if isinstance(listed, (str, dict)) else _list(listed, key, file):
                where = f"{key} of {file.path!r}"
                options = {"uri": one} if isinstance(one, str) else _object(one, where)
                for unknown in [option for option in options if option not in _OPTIONS[kind]]:
                    note(f"warning: {where}: unknown option {unknown!r} is ignored")
                name = _name(options.get("uri", options.get("model_uri")), where, kind, new=True)
                version = versions.setdefault(name, _Version(name))
                version.files.append(file)
                _take(version, options, where)
    yield from versions.values()


def _take(version: _Version, options: Mapping[str, Json], where: str) -> None:
    """Add what one file says of its version to what others have said."""
    if (base := options.get("from")) is not None:
        name = _name(base, f"'from' in {where}", version.name.kind)
        if version.base not in {None, name}:
            raise MakingError(f"{where}: {version.name} cannot be made from both {version.base} and {name}")
        version.base = name
    version.fresh = version.fresh or bool(options.get("start_fresh"))
    version.excluded += _texts(options, "exclude", where)
    for alias in _texts(options, "targeting_aliases", where):
        if alias in version.aliases:
            continue
        if alias == version.name.version:
            raise MakingError(f"{where}: {version.name} cannot be its own alias")
        _name(str(version.name.at(alias)), f"'targeting_aliases' in {where}", version.name.kind)
        version.aliases.append(alias)


def _files(store: Store, version: _Version) -> tuple[NamedFile, ...]:
    """Return the files of a version: those of the one that it is made from, and the new ones, which replace them."""
    files: dict[str, NamedFile] = {}
    if version.base is not None and not version.fresh:
        base = stored.find(store, version.base)
        if base is None:
            raise MakingError(
                f"{version.name} cannot be made from {version.base}, which is not in the store's catalogue"
            )
        files = {_path(file): file for file in base.files if not _excluded(_path(file), version.excluded)}
    return tuple({**files, **{file.path: file for file in version.files}}.values())


def _path(file: NamedFile) -> str:
    return file.path if isinstance(file, FileRecord) else file


def _excluded(path: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(path, pattern) or path.rpartition("/")[2] == pattern for pattern in patterns)


def _list(value: Json, key: str, file: FileRecord) -> Sequence[Json]:
    if not isinstance(value, (list, tuple)):
        raise MakingError(f"{key} of {file.path!r} must be a list")
    return value


def _object(value: Json, where: str) -> Mapping[str, Json]:
    if not isinstance(value, dict):
        raise MakingError(f"{where}: {str(value)[:100]!r} is neither a name nor an object with 'uri'")
    return value


def _texts(options: Mapping[str, Json], key: str, where: str) -> list[str]:
    value = options.get(key) or []
    if not isinstance(value, (list, tuple)) or not all(isinstance(one, str) and one for one in value):
        raise MakingError(f"{where}: {key!r} must be a list of strings")
    return [str(one) for one in value]


def _name(written: Json, where: str, kind: str, *, new: bool = False) -> DataName:
    if not isinstance(written, str):
        raise MakingError(f"{where} lacks the name of the version: 'uri'")
    try:
        name = parse(written, new=new)
    except DataNameError as error:
        raise MakingError(f"{where}: {error}") from None
    if name.kind != kind:
        raise MakingError(f"{where}: {written!r} is not a {kind}")
    return name
