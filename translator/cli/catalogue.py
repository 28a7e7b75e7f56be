"""Run ``translate catalogue``: list, show, add, alias and remove names of data in an artifact store."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from translator.cli.exit_status import OK, UsageError
from translator.cli.parser import Parser
from translator.cli.printing import print_json
from translator.cli.store_option import add_store, configuration, open_chosen, store_in_configuration
from translator.diagnostics import columns, printable
from translator.history.times import local
from translator.shim.catalogue import stored
from translator.shim.catalogue.entries import Entry, Pointer, to_json
from translator.shim.catalogue.names import DataName, kind_of, parse
from translator.shim.catalogue.resolve import resolve
from translator.shim.clock import now
from translator.shim.contract import FileRecord
from translator.shim.files.object_stores import REMOTE
from translator.shim.files.paths import relative
from translator.shim.files.sizes import size
from translator.shim.masking.uris import redact
from translator.shim.store import StoreError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping, Sequence

    from translator.shim.catalogue.entries import NamedFile
    from translator.shim.store import Store

TAGS = "valohai.tags"
_ABSENT = "-"


def main(argv: Sequence[str]) -> int:
    """Run the command; return the exit status."""
    args = parser().parse(argv)
    least, most, action = _ACTIONS[args.action]
    if not least <= len(args.arguments) <= most:
        raise UsageError(f"expected: translate catalogue {_USAGE[args.action]}")
    config = configuration()
    _, store = open_chosen(args.store, None if args.store else store_in_configuration(config, None))
    action(store, args, Path(config.file) if config.catalogue is not None else None)
    return OK


def parser() -> Parser:
    """Return the parser of the arguments."""
    arguments = Parser("catalogue", "List and change the names of data in an artifact store.", page="data")
    usages = "\n".join(f"  {usage}" for usage in _USAGE.values())
    arguments.epilog = f"actions:\n{usages}\n\n{arguments.epilog}"
    arguments.add_argument("action", metavar="ACTION", choices=tuple(_USAGE), help=" | ".join(_USAGE))
    arguments.add_argument(
        "arguments", metavar="NAME", nargs="*", help="datum://, dataset:// or model:// name, and files"
    )
    add_store(arguments)
    arguments.add_argument("--format", choices=("text", "json"), default="text", help="output format (default: text)")
    return arguments


def _list(store: Store, args: argparse.Namespace, configured: Path | None) -> None:  # noqa: ARG001 - as all actions
    wanted = args.arguments[0] if args.arguments else None
    entries = list(_entries(store, wanted))
    if args.format == "json":
        print_json([{**_document(entry, store), "aliases": names} for entry, names in entries])
        return
    where = printable(store.root.removeprefix("file://"))
    if not entries:
        sys.stdout.write(f"no names {f'of {printable(wanted)} ' if wanted else ''}in the catalogue of {where}\n")
        return
    table = [("NAME", "ALIASES", "FILES", "SIZE", "MADE", "BY"), *(_row(entry, names) for entry, names in entries)]
    sys.stdout.write("".join(f"{line}\n" for line in columns(table)))


def _entries(store: Store, wanted: str | None) -> list[tuple[Entry, list[str]]]:
    """Return the entries to list with their aliases: of one dataset or model all versions, else the newest of each.

    A store may keep thousands of versions, so none is read that is not listed.
    """
    if wanted is not None:
        name = _collection(wanted)
        return _with_aliases(store, name, stored.versions(store, name))
    newest_of_each = []
    for name in stored.names(store, _warn):
        try:
            one = stored.find(store, name) if name.kind == "datum" else stored.newest(store, name)
            newest_of_each += _with_aliases(store, name, [one] if one is not None else [])
        except StoreError as error:
            _warn(str(error))
    return newest_of_each


def _with_aliases(store: Store, name: DataName, entries: Sequence[Entry]) -> list[tuple[Entry, list[str]]]:
    """Return entries of a dataset, a model or a datum, each with the aliases that stand for it."""
    known = stored.aliases(store, name) if name.kind != "datum" and entries else {}
    by_version: dict[str, list[str]] = {}
    for alias, version in known.items():
        by_version.setdefault(version, []).append(alias)
    return [(entry, by_version.get(entry.name.version, [])) for entry in entries]


def _warn(message: str) -> None:
    sys.stderr.write(f"translate: warning: {printable(message)}\n")


def _collection(written: str) -> DataName:
    """Return the dataset or model that an argument names, with or without a version."""
    kind = kind_of(written)
    if kind not in {"dataset", "model"}:
        raise UsageError(f"{written!r} is not a dataset or a model: write dataset://NAME or model://NAME")
    return parse(written if written.partition("://")[2].strip("/").count("/") else f"{written.rstrip('/')}/latest")


def _row(entry: Entry, aliases: Sequence[str]) -> tuple[str, ...]:
    sizes = [file.size for file in entry.files if isinstance(file, FileRecord)]
    total = size(sum(sizes)) if len(sizes) == len(entry.files) else _ABSENT
    cells = (str(entry.name), ", ".join(aliases), str(len(entry.files)), total, local(entry.created), _by(entry))
    return tuple(printable(cell) for cell in cells)


def _by(entry: Entry | Pointer) -> str:
    maker = entry.maker
    return "by hand" if maker is None else f"{maker.pipeline} {maker.run} {maker.node}"


def _show(store: Store, args: argparse.Namespace, configured: Path | None) -> None:
    resolution = resolve(args.arguments[0], configured, store)
    name = parse(args.arguments[0])
    changes = [] if name.kind != "datum" and name == parse(resolution.name) else stored.history(store, name)
    if args.format == "json":
        files = [_file_document(file) for file in resolution.files]
        changed = [_document(change, store) for change in changes]
        print_json({"name": resolution.name, "source": resolution.source, "files": files, "history": changed})
        return
    lines = [f"name    {resolution.name}", f"source  {resolution.source.removeprefix('file://')}"]
    table = [_file_row(file) for file in resolution.files]
    lines += ["", *columns(table)]
    if changes:
        lines += ["", f"history of {name}:"]
        lines += columns([(f"  {local(one.created)}", _target(one), _by(one)) for one in changes])
    sys.stdout.write("".join(f"{printable(line)}\n" for line in lines))


def _target(change: Entry | Pointer) -> str:
    if isinstance(change, Pointer):
        return str(change.target)
    return ", ".join(_uri(file) for file in change.files)


def _file_row(file: NamedFile) -> tuple[str, ...]:
    if isinstance(file, str):
        return redact(file), "", "", ""
    tags = file.properties.get(TAGS) or ()
    shown = ", ".join(str(tag) for tag in tags) if isinstance(tags, (list, tuple)) else str(tags)
    return file.masked_path or file.path, size(file.size), file.sha256[:12], shown


def _document(entry: Entry | Pointer, store: Store) -> dict[str, object]:
    """Return the JSON document of an entry, without passwords that somebody wrote into it."""
    if isinstance(entry, Entry):
        files = [redact(one) if isinstance(one, str) else replace(one, uri=redact(one.uri)) for one in entry.files]
        entry = replace(entry, files=files)
    return to_json(entry, store.root)


def _file_document(file: NamedFile) -> Mapping[str, Any]:
    if isinstance(file, str):
        return {"uri": redact(file)}
    return {**file.document(), "uri": redact(file.uri), "properties": dict(file.properties)}


def _uri(file: NamedFile) -> str:
    return redact(file if isinstance(file, str) else file.uri)


def _add(store: Store, args: argparse.Namespace, configured: Path | None) -> None:  # noqa: ARG001 - as all actions
    name = parse(args.arguments[0], new=True)
    uris = [one for one in args.arguments[1:] if "://" in one]
    files: dict[str, Path] = {}
    for one in args.arguments[1:]:
        for path, source in _local(one) if "://" not in one else ():
            if path in files:
                raise UsageError(f"{source} and {files[path]} would both be {path!r} in {name}")
            files[path] = source
    if bad := next((uri for uri in uris if uri.partition("://")[0] not in REMOTE), None):
        raise UsageError(f"{redact(bad)} cannot be added: give files, or URIs of files that all workers can read")
    if secret := next((uri for uri in uris if redact(uri) != uri), None):
        raise UsageError(f"{redact(secret)} cannot be added: it contains a password, which everybody would read there")
    if name.kind == "datum" and len(files) + len(uris) != 1:
        raise UsageError(f"{name} stands for one file, not for {len(files) + len(uris)}")
    entry = stored.add(store, name, files, uris, now())
    _print_done(
        args, entry, f"added {entry.name} with {len(entry.files)} {'file' if len(entry.files) == 1 else 'files'}"
    )


def _local(argument: str) -> list[tuple[str, Path]]:
    """Return a file, or the files below a directory, with their paths in the data."""
    source = Path(argument)
    if source.is_dir():
        files = sorted(path for path in source.rglob("*") if path.is_file())
        if not files:
            raise UsageError(f"there is no file in the directory {argument!r}")
        return [(relative(path.relative_to(source).as_posix()), path) for path in files]
    if not source.is_file():
        raise UsageError(f"there is no file {argument!r}")
    return [(relative(source.name), source)]


def _alias(store: Store, args: argparse.Namespace, configured: Path | None) -> None:  # noqa: ARG001 - as all actions
    alias, target = parse(args.arguments[0]), parse(args.arguments[1])
    entry = stored.find(store, target)
    if entry is None:
        raise UsageError(f"{target} is not in the catalogue of {store.root}")
    if alias.kind == "datum":
        if len(entry.files) != 1:
            raise UsageError(f"{alias} stands for one file, and {target} has {len(entry.files)}")
        change: Entry | Pointer = stored.make(store, Entry(alias, entry.files, now()))
    elif (alias.kind, alias.name) != (target.kind, target.name):
        raise UsageError(f"an alias of {target} is written {target.at('ALIAS')}")
    else:
        change = Pointer(alias, entry.name, now())
        stored.point(store, change)
    _print_done(args, change, f"{alias} is {entry.name} from now on")


def _remove(store: Store, args: argparse.Namespace, configured: Path | None) -> None:  # noqa: ARG001 - as all actions
    name = parse(args.arguments[0])
    if not stored.remove(store, name):
        raise UsageError(f"{name} is not in the catalogue of {store.root}")
    if args.format == "json":
        print_json({"removed": str(name)})
    else:
        sys.stdout.write(f"removed {printable(str(name))}; the files that it stood for are still in the store\n")


def _print_done(args: argparse.Namespace, change: Entry | Pointer, text: str) -> None:
    if args.format == "json":
        print_json(to_json(change, ""))
    else:
        sys.stdout.write(f"{printable(text)}\n")


_ANY = 1_000_000
_ACTIONS: Mapping[str, tuple[int, int, Callable[[Store, argparse.Namespace, Path | None], None]]] = {
    "ls": (0, 1, _list),
    "show": (1, 1, _show),
    "add": (2, _ANY, _add),
    "alias": (2, 2, _alias),
    "remove": (1, 1, _remove),
}
_USAGE = {
    "ls": "ls [dataset://NAME]",
    "show": "show NAME",
    "add": "add NAME FILE|DIR|URI...",
    "alias": "alias ALIAS NAME",
    "remove": "remove NAME",
}
