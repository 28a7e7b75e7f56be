"""Read what a command says of its output files: their properties.

As on Valohai, ``<file>.metadata.json`` beside a file holds the properties of this file, and each line of
``valohai.metadata.jsonl``, which ``valohai.output_properties()`` writes, those of one: ``{"file": ..., "metadata":
{...}}``. If both describe a file, they are merged, and what stands beside the file counts.
"""

from __future__ import annotations

import json
import posixpath
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from translator.shim.json_values import depth
from translator.shim.json_values.storable import sane

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from translator.shim.contract import Json

SIDECAR = ".metadata.json"
LINES = "valohai.metadata.jsonl"
_LIMIT = 256 << 20
_PER_FILE = 1 << 20
"""Characters of the properties of one file, which every manifest and ``inputs.json`` that has the file repeats."""


def is_sidecar(path: str) -> bool:
    """Return whether an output only describes other outputs."""
    return path.endswith(SIDECAR) or path == LINES


def read(folder: Path, paths: Collection[str], warn: Callable[[str], None]) -> Mapping[str, Mapping[str, Json]]:
    """Return the properties of outputs by path.

    Args:
        folder: the outputs directory.
        paths: the regular files in it, relative to it.
        warn: is told what is wrong with properties, which are then left out.
    """
    reader = _Reader(folder, frozenset(paths), warn)
    if LINES in reader.paths:
        reader.lines()
    for path in sorted(path for path in paths if path.endswith(SIDECAR)):
        document = reader.parsed(reader.content(path), path)
        if document is not None:
            reader.add(path.removesuffix(SIDECAR), document, path)
    return reader.found


@dataclass(frozen=True, slots=True)
class _Reader:
    """The properties that were read so far."""

    folder: Path
    paths: frozenset[str]
    warn: Callable[[str], None]
    found: dict[str, dict[str, Json]] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)

    def lines(self) -> None:
        """Read the file that describes several outputs."""
        for number, line in enumerate(self.content(LINES).splitlines(), 1):
            where = f"line {number} of {LINES}"
            document = self.parsed(line.strip(), where)
            if isinstance(document, dict) and isinstance(document.get("file"), str):
                self.add(document["file"], document.get("metadata", {}), where)
            elif document is not None:
                self.warn(f'{where} is ignored: it is not {{"file": ..., "metadata": {{...}}}}')

    def add(self, path: str, document: Any, where: str) -> None:
        """Add the properties of an output, if it exists and they can be kept."""
        path = posixpath.normpath(path)
        if path not in self.paths:
            self.warn(f"{where} is ignored: there is no output {path!r}")
        elif not isinstance(document, dict):
            self.warn(f"{where} is ignored: the properties of {path!r} are not a JSON object")
        else:
            self._merge(path, cast("dict[str, Json]", sane(document)), where)

    def _merge(self, path: str, added: dict[str, Json], where: str) -> None:
        """Add properties to those of an output, if they are not too long together."""
        known = self.found.get(path, {})
        size = self.sizes.get(path, 0) + _size(added) - _size({key: known[key] for key in added if key in known})
        if size > _PER_FILE:
            self.warn(f"{where} is ignored: the properties of {path!r} have more than {_PER_FILE} characters")
        else:
            self.found.setdefault(path, {}).update(added)
            self.sizes[path] = size

    def content(self, path: str) -> bytes:
        """Return the content of an output, nothing if it is too long."""
        with (self.folder / path).open("rb") as stream:
            content = stream.read(_LIMIT + 1)
        if len(content) <= _LIMIT:
            return content
        self.warn(f"{path} is ignored: it has more than {_LIMIT} bytes")
        return b""

    def parsed(self, text: bytes, where: str) -> Any:
        """Return a JSON document; None if there is none."""
        if not text:
            return None
        try:
            return depth.parse(text)
        except ValueError as error:
            self.warn(f"{where} is ignored: it is not JSON: {error}")
            return None


def _size(members: Mapping[str, Json]) -> int:
    """Return the number of characters of the members of a JSON object, each with its two separators."""
    return sum(len(json.dumps(key)) + len(json.dumps(value)) + len(": , ") for key, value in members.items())
