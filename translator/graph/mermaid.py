"""Write a drawing as a Mermaid flowchart, which GitHub, GitLab and many editors show.

Names can contain anything. Mermaid reads quotes, Markdown, HTML and directives in texts, but not in entities such as
``#35;``, so all characters that may have a meaning are written as entities.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from translator.diagnostics import printable
from translator.graph.colours import STATES
from translator.graph.model import END, ORIGIN, LinkKind, boxes, by_group

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from translator.graph.model import Box, Drawing, Link, Picture

MARKER = f"%% {ORIGIN}"
_INDENT = "  "
_SPECIAL = re.compile(r"(?<![^\W_])_|_(?![^\W_])|(?<=\d)\.|^[-+]|:(?! )|[^\w \-.,:()+=→…]")
"""Characters that may have a meaning; underscores, full stops and colons only where Markdown reads them."""
_DOTTED = (LinkKind.ORDER, LinkKind.FAILURE)
_SHAPES = {
    "task": ("[[", "]]"),
    "condition": ("{{", "}}"),
    "approval": ("([", "])"),
    "deployment": ("[(", ")]"),
    END: ("((", "))"),
}
_BOX = ("[", "]")


def write(drawing: Drawing) -> str:
    """Return the drawing as a flowchart."""
    lines = [_comment(drawing.origin), "flowchart LR"]
    lines += [_comment(caption) for caption in drawing.captions]
    lines += _picture(drawing.picture, 1)
    styled = {box.key: box.status.style for box in boxes(drawing.picture) if box.status is not None}
    for style, colours in STATES.items():
        keys = [key for key, its in styled.items() if its == style]
        if keys:
            named = f"fill:{colours.fill},stroke:{colours.stroke},color:{colours.text}"
            lines += [f"{_INDENT}classDef {style} {named}", f"{_INDENT}class {','.join(keys)} {style}"]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Return a text without anything that Mermaid interprets."""
    return _SPECIAL.sub(lambda found: f"#{ord(found.group())};", printable(text))


def _comment(text: str) -> str:
    """Return a text as a comment; with braces, it could be a directive."""
    return f"%% {printable(text).translate({ord('{'): '(', ord('}'): ')'})}"


def _picture(picture: Picture, depth: int) -> Iterator[str]:
    margin = _INDENT * depth
    single, groups = by_group(picture)
    for box in single:
        yield from _box(box, depth)
    for name, inside in groups.items():
        yield f'{margin}subgraph {inside[0].key}g ["{escaped(name)}"]'
        for box in inside:
            yield from _box(box, depth + 1)
        yield f"{margin}end"
    for link in picture.links:
        yield f"{margin}{_link(link)}"


def _box(box: Box, depth: int) -> Iterator[str]:
    margin = _INDENT * depth
    if not box.branches:
        opening, closing = _SHAPES.get(box.kind, _BOX)
        yield f'{margin}{box.key}{opening}"{_joined(box.lines())}"{closing}'
        return
    # Mermaid draws only one line of the title of a sub-graph.
    yield f'{margin}subgraph {box.key} ["{escaped(", ".join(box.lines()))}"]'
    for branch in box.branches:
        if not branch.title:
            yield from _picture(branch.picture, depth + 1)
            continue
        yield f'{margin}{_INDENT}subgraph {branch.key} ["{escaped(", ".join(branch.lines))}"]'
        yield from _picture(branch.picture, depth + 2)
        yield f"{margin}{_INDENT}end"
    yield f"{margin}end"


def _link(link: Link) -> str:
    label = f'|"{_joined(link.labels)}"|' if link.labels else ""
    return f"{link.source} {'-.->' if link.kind in _DOTTED else '-->'}{label} {link.target}"


def _joined(lines: Sequence[str]) -> str:
    return "<br>".join(escaped(line) for line in lines)
