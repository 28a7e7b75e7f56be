"""Write the import statements of a DAG file."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from translator.targets import render

if TYPE_CHECKING:
    from collections.abc import Container, Mapping


def import_blocks(
    modules: Mapping[str, str], used: Container[str], hooks: Mapping[str, str]
) -> tuple[tuple[str, ...], ...]:
    """Return the imports in blocks of lines: of the standard library, and of everything else.

    Args:
        modules: the module of every name that a file may import, in the order of imports.
        used: the names that this file uses.
        hooks: by clause of what settings of the file import, the module.
    """
    wanted: dict[str, list[str]] = {}
    for imported, module in modules.items():
        if imported in used:
            wanted.setdefault(module, []).append(imported)
    for clause, module in hooks.items():
        wanted[module] = sorted({*wanted.get(module, ()), clause}, key=_by_type)
    if hooks:
        wanted = dict(sorted(wanted.items(), key=lambda item: item[0].lower()))
    lines = {module: render.import_line(module, names) for module, names in wanted.items()}
    standard = tuple(line for module, line in lines.items() if _is_standard(module))
    return standard, tuple(line for module, line in lines.items() if not _is_standard(module))


def _is_standard(module: str) -> bool:
    return module.partition(".")[0] in sys.stdlib_module_names


def _by_type(clause: str) -> tuple[int, str]:
    """Return the place of a name among others, as formatters sort them: constants, classes, all else."""
    name = clause.partition(" ")[0]
    return (0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2), name.lower()
