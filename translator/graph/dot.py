"""Write a drawing in Graphviz's DOT language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator.diagnostics import printable
from translator.graph.colours import STATES
from translator.graph.model import END, ORIGIN, LinkKind, by_group

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from translator.graph.model import Box, Drawing, Link, Picture

MARKER = f"// {ORIGIN}"
_INDENT = "  "
_STYLES = {
    LinkKind.DATA: {},
    LinkKind.ORDER: {"style": "dashed"},
    LinkKind.NEXT: {},
    LinkKind.FAILURE: {"style": "dashed", "color": "#cf222e", "fontcolor": "#cf222e"},
    LinkKind.CONDITION: {"style": "dotted"},
}
_SHAPES = {
    "task": "box3d",
    "condition": "hexagon",
    "approval": "octagon",
    "deployment": "cylinder",
    END: "doublecircle",
}


def write(drawing: Drawing) -> str:
    """Return the drawing as a directed graph."""
    lines = [
        f"// {printable(drawing.origin)}",
        f"digraph {_quoted([drawing.title])} {{",
        f"{_INDENT}rankdir=LR compound=true label={_quoted([drawing.title, *drawing.captions])} labelloc=t",
        f'{_INDENT}fontname="Helvetica" node [shape=box style="rounded,filled" fillcolor=white fontname="Helvetica"]',
        f'{_INDENT}edge [fontname="Helvetica" fontsize=10]',
        *_picture(drawing.picture, 1),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _picture(picture: Picture, depth: int) -> Iterator[str]:
    margin = _INDENT * depth
    single, groups = by_group(picture)
    for box in single:
        yield from _box(box, depth)
    for name, inside in groups.items():
        yield f"{margin}subgraph cluster_{inside[0].key}g {{ label={_quoted([name])}"
        for box in inside:
            yield from _box(box, depth + 1)
        yield f"{margin}}}"
    by_key = {box.key: box for box in picture.boxes}
    for link in picture.links:
        yield f"{margin}{_link(link, by_key)}"


def _box(box: Box, depth: int) -> Iterator[str]:
    margin = _INDENT * depth
    colours = STATES[box.status.style] if box.status else None
    if not box.branches:
        filled = {"fillcolor": colours.fill, "color": colours.stroke, "fontcolor": colours.text} if colours else {}
        shape = {"shape": _SHAPES[box.kind]} if box.kind in _SHAPES else {}
        yield f"{margin}{box.key} {_attributes({**shape, **filled}, box.lines())}"
        return
    style = f'style=filled fillcolor="{colours.fill}" color="{colours.stroke}"' if colours else "style=solid"
    yield f"{margin}subgraph cluster_{box.key} {{ label={_quoted(box.lines())} {style}"
    yield f"{margin}{_INDENT}{box.key} [shape=point style=invis]"  # Graphviz links nodes, not clusters.
    for branch in box.branches:
        yield f"{margin}{_INDENT}subgraph cluster_{branch.key} {{ label={_quoted(branch.lines)} style=dashed"
        yield from _picture(branch.picture, depth + 2)
        yield f"{margin}{_INDENT}}}"
    yield f"{margin}}}"


def _link(link: Link, by_key: Mapping[str, Box]) -> str:
    clusters = {}
    if by_key[link.source].branches:
        clusters["ltail"] = f"cluster_{link.source}"
    if by_key[link.target].branches:
        clusters["lhead"] = f"cluster_{link.target}"
    return f"{link.source} -> {link.target} {_attributes({**_STYLES[link.kind], **clusters}, link.labels)}".rstrip()


def _attributes(attributes: Mapping[str, str], label: Sequence[str]) -> str:
    listed = [f"label={_quoted(label)}"] if label else []
    listed += [f'{name}="{value}"' for name, value in attributes.items()]
    return f"[{' '.join(listed)}]" if listed else ""


def _quoted(lines: Sequence[str]) -> str:
    """Return lines as a label; Graphviz reads escapes and HTML entities in it."""
    escaped = (printable(line).replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return '"' + "\\n".join(escaped) + '"'
