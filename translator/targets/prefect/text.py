"""Pieces of source text that a literal is not: docstrings, and lists in brackets that may be too long for a line."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from translator.targets.render import WIDTH, comment

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


_DOC_WIDTH = 80
"""Columns of a docstring's line; the rest of the width is for escapes."""
_BODY = 4
"""Columns by which the body of a function or class is indented, where its docstring begins."""


def doc(text: str, indent: int) -> list[str]:
    """``text`` as lines of a docstring, without anything that could end it or be an escape.

    Args:
        text: any text.
        indent: columns by which the lines are indented; those that continue it get four more. The first line is not
            indented if it begins the docstring.
    """
    line = comment(" ".join(text.split()))
    margin = " " * indent
    wrapped = textwrap.wrap(line, _DOC_WIDTH, initial_indent=margin, subsequent_indent=f"{margin}    ")
    lines = [item.replace("\\", "\\\\").replace('"', '\\"') for item in wrapped] or [margin]
    return [lines[0].lstrip() if indent == _BODY else lines[0], *lines[1:]]


def spread(opening: str, items: Sequence[str], closing: str, *, indent: int = 0, note: str | None = None) -> str:
    """``opening`` and ``closing`` with ``items`` between them, on one line if it fits, else one item a line.

    Args:
        opening: what stands before the items, with the bracket.
        items: expressions.
        closing: what stands after them, with the bracket.
        indent: columns by which the statement is indented.
        note: a comment for its first line.
    """
    noted = f"  # {note}" if note else ""
    flat = f"{opening}{', '.join(items)}{closing}{noted}"
    if indent + len(flat) <= WIDTH or not items:
        return flat
    margin = " " * (indent + 4)
    return "\n".join((f"{opening}{noted}", *(f"{margin}{item}," for item in items), f"{' ' * indent}{closing}"))


def imported(module: str, names: Iterable[str]) -> str:
    """An import of ``names``, in the order of import sorters: constants, classes, functions."""
    ordered = sorted(names, key=lambda name: (0 if name.isupper() else 1 if name[0].isupper() else 2, name))
    flat = f"from {module} import {', '.join(ordered)}"
    return flat if len(flat) <= WIDTH else spread(f"from {module} import (", ordered, ")")
