"""Write elements of XML and HTML, in which every text and attribute is escaped."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, NewType

from translator.diagnostics import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

Markup = NewType("Markup", str)
"""A text that is already markup."""


def text(value: str) -> Markup:
    """Return a text as markup, without characters that XML does not allow."""
    return Markup(escape(printable(value)))


def comment(value: str) -> Markup:
    """Return a comment, which cannot contain two hyphens."""
    return Markup(f"<!-- {escape(printable(value)).replace('-', '&#45;')} -->")


def element(name: str, attributes: Mapping[str, object], *inside: Markup) -> Markup:
    """Return an element."""
    listed = "".join(f' {key}="{text(_number(value))}"' for key, value in attributes.items())
    return Markup(f"<{name}{listed}>{''.join(inside)}</{name}>")


def joined(parts: list[Markup], separator: str = "\n") -> Markup:
    """Return several pieces of markup as one."""
    return Markup(separator.join(parts))


def _number(value: object) -> str:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
