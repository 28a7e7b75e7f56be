"""Write source text that ``repr`` cannot: docstrings, and bracketed lists that may need several lines."""

from __future__ import annotations

import ast
import textwrap
from typing import TYPE_CHECKING

from translator.diagnostics import printable
from translator.targets.render import WIDTH, columns, comment, docstring

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


_DOC_WIDTH = 80
"""The maximum width of a docstring's line before its quotes are escaped."""
_NARROW = 36
"""The width of a docstring's line that fits with any characters."""
_BODY = 4
"""The indentation of the body of a function or class, and so of its docstring."""


def doc(text: str, hanging: int | None = None) -> list[str]:
    """Return ``text`` as lines of a docstring.

    Args:
        text: any text.
        hanging: for an entry of a section, the indentation of its first line; further lines get four more columns.
            Without it, the text begins the docstring.
    """
    line = printable(" ".join(text.split()))
    first, rest = ("", _BODY) if hanging is None else (" " * hanging, hanging + 4)
    for width in range(_DOC_WIDTH, _NARROW - 1, -4):
        lines = textwrap.wrap(
            line, width, initial_indent=first, subsequent_indent=" " * rest, break_on_hyphens=False
        ) or [first]
        if all(_BODY + columns(docstring([written])) <= WIDTH for written in lines):
            break
    return lines


def docstring_of(summary: str, details: str = "") -> tuple[str, ...]:
    """Return the lines of a docstring: one if all fits, else the summary, and below an empty line the details."""
    lines = doc(f"{summary} {details}")
    if len(lines) == 1:
        return tuple(lines)
    margin = " " * _BODY
    paragraph = ["", *(f"{margin}{line.lstrip()}" for line in doc(details))] if details else []
    return (*doc(summary), *paragraph, margin)


def spread(opening: str, items: Sequence[str], closing: str, *, indent: int = 0, note: str | None = None) -> str:
    """Return ``opening``, ``items`` and ``closing`` on one line if they fit, else one item per line.

    Args:
        opening: the text before the items, with the bracket.
        items: expressions.
        closing: the text after them, with the bracket.
        indent: the indentation of the statement.
        note: a comment for its first line.
    """
    noted = f"  {comment(note)}" if note else ""
    flat = f"{opening}{', '.join(items)}{closing}{noted}"
    if indent + len(flat) <= WIDTH or not items:
        return flat
    margin = " " * (indent + 4)
    return "\n".join((f"{opening}{noted}", *(f"{margin}{item}," for item in items), f"{' ' * indent}{closing}"))


def alias(name: str, annotation: str) -> str:
    """Return the statement that gives a type a name."""
    flat = f"{name} = {annotation}"
    if len(flat) <= WIDTH:
        return flat
    subscripted = ast.parse(annotation, mode="eval").body
    items = subscripted.slice if isinstance(subscripted, ast.Subscript) else subscripted
    parts = items.elts if isinstance(items, ast.Tuple) else [items]
    pieces = [str(ast.get_source_segment(annotation, part)) for part in parts]
    return spread(f"{name} = {annotation.partition('[')[0]}[", pieces, "]")


def camel(identifier: str) -> str:
    """Return an identifier as the name of a class."""
    return "".join(word.capitalize() for word in identifier.split("_"))


def imported(module: str, names: Iterable[str]) -> str:
    """Return an import of ``names``, in the order of import sorters: constants, classes, functions."""
    ordered = sorted(names, key=lambda name: (0 if name.isupper() else 1 if name[0].isupper() else 2, name))
    flat = f"from {module} import {', '.join(ordered)}"
    return flat if len(flat) <= WIDTH else spread(f"from {module} import (", ordered, ")")
