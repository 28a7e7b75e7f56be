"""Read and validate the names of data in a configuration file, which workers read when an execution looks one up.

The values are those of ``translator.shim.catalogue.configured``; here they have places.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from translator.config.kinds import CODE, Text, Texts
from translator.names import did_you_mean
from translator.shim.catalogue.configured import ENVIRONMENTS, FILE, KEYS, NAMES, RESOLVERS, TABLE
from translator.shim.catalogue.names import KINDS, DataName, DataNameError, kind_of, parse
from translator.source import dotted, parse_toml, read_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from translator.config.files import Document
    from translator.diagnostics import Diagnostics
    from translator.source import Located

BAD_NAME = "bad-data-name"
DOC = "Names of data: what `datum://`, `dataset://` and `model://` stand for. See [Data by name](data.md)."
_ADDRESSES = {
    "anyOf": [{"type": "string", "minLength": 1}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]
}
_NAMED = {
    "type": "object",
    "propertyNames": {"pattern": f"^({'|'.join(KINDS)})://"},
    "additionalProperties": _ADDRESSES,
}
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "description": DOC,
    "properties": {
        FILE: {**Text().schema, "description": "A TOML file with the other keys, beside this one."},
        RESOLVERS: {
            **Texts().schema,
            "description": "Resolvers of other packages, in the order in which they are asked.",
        },
        NAMES: {**_NAMED, "description": "What each name stands for: a URI, a list of URIs, or another name."},
        ENVIRONMENTS: {
            "type": "object",
            "additionalProperties": _NAMED,
            "description": "By environment: names that count first if `TRANSLATOR_ENVIRONMENT` names it.",
        },
    },
}
"""The JSON Schema of the table."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The names of data of a configuration, in any environment; ``resolvers`` may know more."""

    names: frozenset[str] = frozenset()
    resolvers: Sequence[str] = ()


def data_name(uri: str) -> DataName | None:
    """Return the name of data that an address is; None if it is none, or depends on parameters."""
    if kind_of(uri) is None or "{" in uri:
        return None
    try:
        return parse(uri)
    except DataNameError:
        return None


def read_catalogue(document: Document, diagnostics: Diagnostics) -> Catalogue | None:
    """Read the names of data of a configuration file; None if it has no table for them.

    Args:
        document: the configuration file.
        diagnostics: receives what is wrong with them.
    """
    table = document.table.get(TABLE)
    if table is None:
        return None
    where = f"[{dotted((*document.above, TABLE))}]"
    if not _is_table(table, where, KEYS, diagnostics):
        return Catalogue()
    resolvers = table.get(RESOLVERS)
    listed = Texts().read(resolvers, RESOLVERS, diagnostics) if resolvers is not None else ()
    file = table.get(FILE)
    if file is not None:
        for key in (NAMES, ENVIRONMENTS):
            if key in (table.entries or {}):
                message = f"{key!r} in {where} does not count, because {FILE!r} names another file"
                diagnostics.error(CODE, message, table.key_span(key), hint="move it into that file")
        named = str(Text().read(file, FILE, diagnostics))
        own = _of_file(Path(document.text.path).parent / named, file, diagnostics) if named else None
        if own is None or not _is_table(own, named, (NAMES, ENVIRONMENTS), diagnostics):
            return Catalogue(resolvers=listed)
        table = own
    return Catalogue(_names(table, diagnostics), listed)


def _of_file(path: Path, setting: Located, diagnostics: Diagnostics) -> Located | None:
    """Return the tables of a catalogue that has its own file; what is wrong there is reported where it is named."""
    from translator.diagnostics import Diagnostics as Faults

    faults = Faults()
    text = read_text(path, faults, kind="catalogue")
    root = parse_toml(text, path.name, faults) if text is not None else None
    for fault in faults.found:
        line = f" (line {fault.span.line})" if fault.span else ""
        diagnostics.error(CODE, f"the catalogue {path}{line}: {fault.message}", setting.span)
    return root


def _names(table: Located, diagnostics: Diagnostics) -> frozenset[str]:
    """Return all names in a catalogue; what is wrong with them is reported."""
    tables = [(NAMES, table.get(NAMES))]
    environments = table.get(ENVIRONMENTS)
    if environments is not None and _is_table(environments, f"{ENVIRONMENTS!r}", None, diagnostics):
        tables += [(f"{ENVIRONMENTS}.{name}", of_one) for name, of_one in (environments.entries or {}).items()]
    names: set[str] = set()
    for where, of_names in tables:
        if of_names is None or not _is_table(of_names, f"{where!r}", None, diagnostics):
            continue
        for written, value in (of_names.entries or {}).items():
            try:
                names.add(str(parse(written)))
            except DataNameError as error:
                diagnostics.error(BAD_NAME, str(error), of_names.key_span(written))
            _check_addresses(value, written, diagnostics)
    return frozenset(names)


def _check_addresses(value: Located, written: str, diagnostics: Diagnostics) -> None:
    listed = value.items if value.items is not None else [value]
    if not listed or not all(isinstance(one.value, str) and one.value.strip() for one in listed):
        diagnostics.error(CODE, f"{written!r} must be a URI, a list of URIs, or another name of data", value.span)
        return
    for one in listed:
        if kind_of(one.value) is None:
            continue
        if len(listed) > 1:
            message = f"{written!r} stands for several addresses, so {one.value!r} cannot be one of them"
            diagnostics.error(CODE, message, one.span, hint="write the URIs that it stands for")
            continue
        try:
            parse(one.value)
        except DataNameError as error:
            diagnostics.error(BAD_NAME, str(error), one.span)


def _is_table(value: Located, where: str, known: Sequence[str] | None, diagnostics: Diagnostics) -> bool:
    """Return whether a value is a table; that it is not, and keys that it does not have, are reported."""
    if value.entries is None:
        diagnostics.error(CODE, f"{where} must be a table", value.span)
        return False
    for name in value.entries if known is not None else ():
        if name not in (known or ()):
            hint = did_you_mean(name, known or (), "known keys")
            diagnostics.error("unknown-setting", f"unknown key {name!r} in {where}", value.key_span(name), hint=hint)
    return True
