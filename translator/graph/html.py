"""Write a drawing as one HTML page, without requests to anywhere.

The graph is inline SVG. Two tables say the same as text; the script shows the row of the focused node.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from translator.graph.markup import Markup, comment, element, joined, text
from translator.graph.model import END, ORIGIN, LinkKind, boxes, links
from translator.graph.svg import inline

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from translator.graph.model import Box, Drawing

MARKER = f"<!DOCTYPE html><!-- {ORIGIN}"
_HERE = Path(__file__).parent
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
_LISTED = 100
"""The maximum number of executions of a node that the page lists."""
_NO_LABEL = {LinkKind.ORDER: ("order only",), LinkKind.NEXT: ("next",)}
_Cell = tuple[str, ...]
"""The lines of a cell of a table."""
_HELP = (
    "Tab reaches the graph, arrow keys move between nodes, Home and End to the first and last. "
    "Plus, minus and 0 zoom; drag to move."
)


def write(drawing: Drawing) -> str:
    """Return the drawing as a page."""
    meta = [
        Markup('<meta charset="utf-8">'),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
    ]
    style = element("style", {}, Markup(f"\n{_asset('page.css')}"))
    head = element("head", {}, joined([*meta, element("title", {}, text(drawing.title)), style]))
    body = element("body", {}, joined([*_body(drawing), element("script", {}, Markup(f"\n{_asset('page.js')}"))]))
    return f"<!DOCTYPE html>{comment(drawing.origin)}\n{element('html', {'lang': 'en'}, joined([head, body]))}\n"


def _body(drawing: Drawing) -> list[Markup]:
    buttons = [
        element("button", {"type": "button", "data-tool": name}, text(title))
        for name, title in (("in", "Zoom in"), ("out", "Zoom out"), ("fit", "Show all"))
    ]
    canvas = element("div", {"class": "canvas"}, inline(drawing))
    details = element(
        "aside",
        {"class": "details", "aria-label": "Details of the focused node"},
        element("p", {}, text("Focus a node to see its details.")),
    )
    return [
        element("a", {"class": "skip", "href": "#tables"}, text("Skip the graph: the same as tables")),
        element("h1", {}, text(drawing.title)),
        *(element("p", {}, text(caption)) for caption in drawing.captions),
        element("p", {}, text(_HELP)),
        Markup(f'<div class="tools" hidden>{" ".join(buttons)}</div>'),
        element("div", {"class": "view"}, canvas, details),
        element("div", {"class": "tables", "id": "tables"}, _nodes(drawing), _links(drawing)),
    ]


def _nodes(drawing: Drawing) -> Markup:
    listed = [(f"row-{box.key}", _row(box)) for box in boxes(drawing.picture)]
    heads = ("Node", "In", "Kind", "About", "State", "Why", "Executions")
    used = [n for n in range(len(heads)) if n == 0 or any(row[n] for _, row in listed)]
    return _table("Nodes", [heads[n] for n in used], ((key, [row[n] for n in used]) for key, row in listed))


def _row(box: Box) -> list[_Cell]:
    status = box.status
    executions = status.executions if status else ()
    lines = [f"[{index}] {state}" for index, state in executions[:_LISTED]]
    lines += [f"and {len(executions) - _LISTED} more"] if len(executions) > _LISTED else []
    return [
        (box.name,),
        (".".join(box.path[:-1]),) if box.path[:-1] else (),
        (box.kind,),
        (*box.notes, *((f"group {box.group}",) if box.group else ())),
        (status.text,) if status else (),
        status.why if status else (),
        tuple(lines),
    ]


def _links(drawing: Drawing) -> Markup:
    names = {box.key: ".".join(box.path) if box.kind != END else box.name for box in boxes(drawing.picture)}
    rows = (
        ("", [(names[link.source],), (names[link.target],), link.labels or _NO_LABEL.get(link.kind, ())])
        for link in links(drawing.picture)
    )
    return _table("Edges", ("From", "To", "Carries"), rows)


def _table(title: str, heads: Sequence[str], rows: Iterable[tuple[str, Sequence[_Cell]]]) -> Markup:
    body = [
        element(
            "tr",
            {"id": key} if key else {},
            element("th", {"scope": "row"}, _lines(cells[0])),
            *(element("td", {}, _lines(cell)) for cell in cells[1:]),
        )
        for key, cells in rows
    ]
    head = element("tr", {}, *(element("th", {"scope": "col"}, text(name)) for name in heads))
    return element(
        "table",
        {},
        element("caption", {}, text(title)),
        element("thead", {}, head),
        element("tbody", {}, joined([Markup(""), *body, Markup("")])),
    )


def _lines(cell: _Cell) -> Markup:
    return joined([text(line) for line in cell])


def _asset(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")
