"""Write the import statements of a DAG file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator.targets import render

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

_STANDARD = ("datetime", "pathlib")


def import_blocks(modules: Mapping[str, str], used: Container[str]) -> tuple[tuple[str, ...], ...]:
    """Return the imports in blocks of lines: of the standard library, and of everything else.

    Args:
        modules: the module of every name that a file may import, in the order of imports.
        used: the names that this file uses.
    """
    wanted: dict[str, list[str]] = {}
    for imported, module in modules.items():
        if imported in used:
            wanted.setdefault(module, []).append(imported)
    standard = tuple(render.import_line(module, names) for module, names in wanted.items() if module in _STANDARD)
    others = tuple(render.import_line(module, names) for module, names in wanted.items() if module not in _STANDARD)
    return standard, others
