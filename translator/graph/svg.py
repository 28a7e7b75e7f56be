"""Write a drawing as SVG."""

from __future__ import annotations

import unicodedata
from collections import Counter
from typing import TYPE_CHECKING

from translator.diagnostics import printable
from translator.graph.colours import STATES
from translator.graph.layout import Wire, arrange
from translator.graph.markup import Markup, comment, element, joined, text
from translator.graph.model import END, ORIGIN, LinkKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from translator.graph.layout import Spot
    from translator.graph.model import Box, Branch, Drawing, Link, Picture

MARKER = f"<!-- {ORIGIN}"
_PADDING = 12.0
_LINE = 17.0
_LETTER = 7.4
"""The estimated width of a letter; what shows the drawing chooses the font."""
_TITLE_LETTER = 7.5
_STYLES = ("line name", "line")
"""The style of the first line of a box, and that of the others."""
_LONGEST = 36
"""The maximum number of characters in a line; the title of a box has the whole text."""
_LABELS = 2
"""The maximum number of lines in the label of a link; its title has all."""
_STATES = "".join(
    f".{name} > .box {{ fill: {its.fill}; stroke: {its.stroke}; }} .{name} > .line {{ fill: {its.text}; }}\n"
    for name, its in STATES.items()
)
STYLE = f"""\
svg.pipeline {{ color-scheme: light dark; font: 12px system-ui, sans-serif;
  --page: #fff; --ink: #1f2328; --dim: #59636e; --line: #6e7781; --inner: #f6f8fa; --failure: #cf222e;
  background: var(--page); }}
@media (prefers-color-scheme: dark) {{
svg.pipeline {{ --page: #0d1117; --ink: #e6edf3; --dim: #9198a1; --line: #8b949e; --inner: #161b22;
  --failure: #ff7b72; }}
}}
.box {{ fill: var(--page); stroke: var(--line); stroke-width: 1.3; }}
.composite > .box, .branch > .box {{ fill: var(--inner); }}
.branch > .box {{ stroke-dasharray: 4 3; }}
.line {{ fill: var(--ink); }} .name {{ font-weight: 600; }} .title {{ font-size: 15px; }}
.link {{ fill: none; stroke: var(--line); stroke-width: 1.3; }}
.head {{ fill: var(--line); }} .failing .head {{ fill: var(--failure); }}
.order .link {{ stroke-dasharray: 6 4; }} .condition .link {{ stroke-dasharray: 2 3; }}
.failure .link {{ stroke: var(--failure); stroke-dasharray: 6 4; }}
.label {{ fill: var(--dim); font-size: 11px; text-anchor: middle; paint-order: stroke; stroke: var(--page);
  stroke-width: 5px; stroke-linejoin: round; }}
{_STATES}"""


def write(drawing: Drawing) -> str:
    """Return the drawing as a file."""
    body, width, height = _picture(drawing.picture)
    lines = [printable(line) for line in (drawing.title, *drawing.captions)]
    top = _PADDING + _LINE * len(lines) + _PADDING
    full = max(width, *(_TITLE_LETTER * len(line) for line in lines)) + 2 * _PADDING
    titles = [
        element("text", {"class": _STYLES[n > 0], "x": _PADDING, "y": _PADDING + _LINE * (n + 0.7)}, text(line))
        for n, line in enumerate(lines)
    ]
    moved = element("g", {"transform": f"translate({_PADDING:g} {top:g})"}, body)
    whole = frame(drawing, full, top + height + _PADDING, [*titles, moved])
    return f"{comment(drawing.origin)}\n{whole}\n"


def inline(drawing: Drawing) -> Markup:
    """Return the drawing as an element of a page."""
    body, width, height = _picture(drawing.picture)
    moved = element("g", {"transform": f"translate({_PADDING:g} {_PADDING:g})"}, body)
    return frame(drawing, width + 2 * _PADDING, height + 2 * _PADDING, [moved])


def frame(drawing: Drawing, width: float, height: float, inside: Sequence[Markup]) -> Markup:
    """Return the outermost element."""
    attributes = {
        "xmlns": "http://www.w3.org/2000/svg",
        "class": "pipeline",
        "role": "group",
        "aria-label": f"Graph of {drawing.title}",
        "width": width,
        "height": height,
        "viewBox": f"0 0 {width:g} {height:g}",
    }
    style = element("style", {}, Markup(f"\n{STYLE}"))
    heads = [_head("head", "head"), _head("head-failure", "failing")]
    return element("svg", attributes, joined([Markup(""), style, element("defs", {}, *heads), *inside, Markup("")]))


def _head(key: str, style: str) -> Markup:
    shape = element("path", {"class": "head", "d": "M0 0L8 4L0 8z"})
    attributes = {"id": key, "class": style, "viewBox": "0 0 8 8", "refX": 8, "refY": 4, "orient": "auto"}
    return element("marker", {**attributes, "markerWidth": 8, "markerHeight": 8}, shape)


def _picture(picture: Picture) -> tuple[Markup, float, float]:
    """Return the elements of a graph, with its width and height."""
    inside = {box.key: _inside(box) for box in picture.boxes}
    sizes = {box.key: _size(box, inside[box.key]) for box in picture.boxes}
    wires = [Wire(link.source, link.target, _room(link)) for link in picture.links]
    layout = arrange(sizes, wires)
    links_out = Counter(link.source for link in picture.links)
    ways = list(zip(picture.links, layout.ways, strict=True))
    drawn = [_link(link, way) for link, way in ways]
    drawn += [_label(link, way, fans_out=links_out[link.source] > 1) for link, way in ways if link.labels]
    drawn += [_box(box, layout.spots[box.key], inside[box.key]) for box in picture.boxes]
    return joined(drawn), layout.width, layout.height


_Inside = list[tuple["Branch", Markup, float, float]]


def _inside(box: Box) -> _Inside:
    return [(branch, *_picture(branch.picture)) for branch in box.branches]


def _size(box: Box, inside: _Inside) -> tuple[float, float]:
    lines = box.lines(with_group=True)
    widths = [_width(line) for line in lines]
    widths += [max(width, _width(_branch_title(branch))) + 2 * _PADDING for branch, _, width, _ in inside]
    height = _LINE * len(lines) + _PADDING
    height += sum(_branch_height(branch, tall) + _PADDING for branch, _, _, tall in inside)
    return max(widths) + 2 * _PADDING, height


def _branch_title(branch: Branch) -> str:
    return ": ".join(branch.lines)


def _branch_height(branch: Branch, height: float) -> float:
    return height + 2 * _PADDING + (_LINE if _branch_title(branch) else 0)


def _box(box: Box, spot: Spot, inside: _Inside) -> Markup:
    lines = box.lines(with_group=True)
    styles = ["node", "composite" if inside else "single", *([box.status.style] if box.status else [])]
    round_corners = spot.height / 2 if box.kind == END else 6
    parts = [
        element("title", {}, text(", ".join(lines))),
        element("rect", {"class": "box", "width": spot.width, "height": spot.height, "rx": round_corners}),
    ]
    parts += [_line(line, _PADDING, _LINE * (n + 1), _STYLES[n > 0]) for n, line in enumerate(lines)]
    y = _LINE * len(lines) + _PADDING
    for branch, body, _, height in inside:
        tall = _branch_height(branch, height)
        title = _branch_title(branch)
        frame_of = {"class": "box", "width": spot.width - 2 * _PADDING, "height": tall, "rx": 6}
        above = _LINE if title else 0
        parts.append(
            element(
                "g",
                {"class": "branch", "transform": f"translate({_PADDING:g} {y:g})"},
                element("rect", frame_of),
                *([_line(title, _PADDING, _LINE)] if title else []),
                element("g", {"transform": f"translate({_PADDING:g} {_PADDING + above:g})"}, body),
            )
        )
        y += tall + _PADDING
    attributes = {
        "class": " ".join(styles),
        "id": box.key,
        "transform": f"translate({spot.x:.1f} {spot.y:.1f})",
        "tabindex": 0,
        "role": "img" if not inside else "group",
        "aria-label": ", ".join(lines),
    }
    return element("g", attributes, *parts)


def _line(value: str, x: float, y: float, style: str = "line") -> Markup:
    return element("text", {"class": style, "x": x, "y": y}, text(_cut(value)))


def _link(link: Link, spots: Sequence[Spot]) -> Markup:
    """Return a link as a curve through the spots on its way."""
    x, y = spots[0].x + spots[0].width, spots[0].middle
    path = [f"M{x:.1f} {y:.1f}"]
    for spot in spots[1:]:
        path.append(_curve((x, y), (spot.x, spot.middle)))
        x, y = spot.x + spot.width, spot.middle
        if spot is not spots[-1]:
            path.append(f"L{x:.1f} {y:.1f}")
    head = "head-failure" if link.kind is LinkKind.FAILURE else "head"
    line = element("path", {"class": "link", "d": "".join(path), "marker-end": f"url(#{head})"})
    title = [element("title", {}, text(", ".join(link.labels)))] if link.labels else []
    return element("g", {"class": f"edge {link.kind}"}, *title, line)


def _label(link: Link, spots: Sequence[Spot], *, fans_out: bool) -> Markup:
    """Return the label of a link, in its first gap; nearer to the target if the source has many links."""
    start, end = (spots[0].x + spots[0].width, spots[0].middle), (spots[1].x, spots[1].middle)
    along = 0.6 if fans_out else 0.5
    x = start[0] + (end[0] - start[0]) * along
    y = start[1] + (end[1] - start[1]) * along * along * (3 - 2 * along)
    lines = _label_lines(link)
    shown = [
        element("tspan", {"x": x, "y": y + 4 + 13 * (n - (len(lines) - 1) / 2)}, text(_cut(line)))
        for n, line in enumerate(lines)
    ]
    return element("text", {"class": "label"}, *shown)


def _curve(start: tuple[float, float], end: tuple[float, float]) -> str:
    bend = max(abs(end[0] - start[0]) / 2, 20)
    ends = f"{start[0] + bend:.1f} {start[1]:.1f} {end[0] - bend:.1f} {end[1]:.1f} {end[0]:.1f} {end[1]:.1f}"
    return f"C{ends}"


def _label_lines(link: Link) -> list[str]:
    """Return the lines of a link's label."""
    if len(link.labels) <= _LABELS:
        return list(link.labels)
    return [*link.labels[: _LABELS - 1], f"and {len(link.labels) - _LABELS + 1} more"]


def _room(link: Link) -> float:
    return 1.25 * max((_width(line) for line in _label_lines(link)), default=0.0)


def _cut(value: str) -> str:
    shown = printable(value)
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"


def _width(value: str) -> float:
    """Estimate the width of a line."""
    return _LETTER * sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in _cut(value))
