"""Find the configuration file that counts for a pipeline file.

It is the nearest one, in the directory of the pipeline file or above it: ``translator.toml``, else a
``pyproject.toml`` with a table ``[tool.pipeline-translator]``. It counts alone; files above it are not merged.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from translator.diagnostics import Diagnostics, SourceText
from translator.files import real
from translator.shim.catalogue.configured import PROJECT
from translator.shim.catalogue.configured import PROJECT_TABLE as TABLE
from translator.source import parse_toml, read_text

if TYPE_CHECKING:
    from translator.source import Located

NAME = "translator.toml"


@dataclass(frozen=True, slots=True)
class Document:
    """A configuration file: the table with the settings, and the path of that table in the file."""

    text: SourceText
    name: str
    table: Located
    above: tuple[str, ...] = ()


def find(folder: Path, diagnostics: Diagnostics) -> tuple[Document | None, SourceText | None]:
    """Return the configuration that counts in a directory, and the text of the file for messages.

    Args:
        folder: the directory of a pipeline file.
        diagnostics: receives what is wrong with the file.
    """
    start = real(folder)
    for above in (start, *start.parents):
        if _is_file(above / NAME):
            return read(_relative_path(above / NAME), diagnostics)
        if _is_file(above / PROJECT):
            mine = Diagnostics()
            document, text = read(_relative_path(above / PROJECT), mine)
            if text is not None and text.text:  # one that cannot be read is not for us, as far as anybody can tell
                diagnostics.found += mine.found
                return document, text
    return None, None


def read(path: Path, diagnostics: Diagnostics) -> tuple[Document | None, SourceText | None]:
    """Read a configuration file.

    Args:
        path: the file; of one called ``pyproject.toml`` only our table counts.
        diagnostics: receives what is wrong with it.

    Returns:
        The configuration, if the file can be read and has one; and the text of the file, unless it is a
        ``pyproject.toml`` that has nothing to do with us.
    """
    is_project = path.name == PROJECT
    faults = Diagnostics()
    text = read_text(path, faults, kind="configuration file")
    if text is None:
        diagnostics.found += faults.found
        return None, SourceText(str(path), "")
    if is_project and TABLE not in text:
        return None, None
    source = SourceText(str(path), text)
    root = parse_toml(text, path.name, diagnostics)
    if root is None:
        return None, source
    if not is_project:
        return Document(source, path.name, root), source
    tools = root.get("tool")
    table = tools.get(TABLE) if tools is not None else None
    if table is None:
        return None, None
    return Document(source, path.name, table, ("tool", TABLE)), source


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False  # a directory that we may not look into


def _relative_path(path: Path) -> Path:
    """Return a path as people write it: relative to the current directory, if it is below that."""
    try:
        return path.relative_to(Path.cwd())
    except (ValueError, OSError):
        return path
