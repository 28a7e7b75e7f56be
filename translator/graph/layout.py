"""Place the nodes of a directed graph in columns from left to right (Sugiyama, Tagawa and Toda 1981).

Nodes get columns by their longest path, links over several columns get waypoints, the order in a column follows the
barycentres of the neighbours, and heights follow the means of the neighbours. The work grows linearly with the size of
the graph, except for sorting the columns.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

ROW_GAP = 22.0
COLUMN_GAP = 44.0
_WAYPOINTS = 12
"""The maximum number of columns that a link bends around; a longer one is drawn straight, behind the boxes."""
_SWEEPS = 4
_WAYPOINT_HEIGHT = 6.0


@dataclass(frozen=True, slots=True)
class Spot:
    """A rectangle: its upper left corner and its size."""

    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        """The height of its centre."""
        return self.y + self.height / 2


@dataclass(frozen=True, slots=True)
class Layout:
    """The places of nodes, and the spots that each link passes, in the order of the links; and the size of all."""

    spots: Mapping[str, Spot]
    ways: Sequence[Sequence[Spot]]
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Wire:
    """A link to lay out; ``room`` is the width that its label needs."""

    source: str
    target: str
    room: float = 0.0


def arrange(sizes: Mapping[str, tuple[float, float]], wires: Sequence[Wire]) -> Layout:
    """Place nodes of given sizes, so that most links lead from left to right."""
    rank = ranks(list(sizes), [(wire.source, wire.target) for wire in wires])
    columns: list[list[str]] = [[] for _ in range(max(rank.values(), default=-1) + 1)]
    for node in sizes:
        columns[rank[node]].append(node)
    heights = {node: height for node, (_, height) in sizes.items()}
    gaps = [COLUMN_GAP] * len(columns)
    paths: list[list[str]] = []
    neighbours: dict[str, list[str]] = defaultdict(list)
    for number, wire in enumerate(wires):
        path = [wire.source]
        span = rank[wire.target] - rank[wire.source]
        if 1 < span <= _WAYPOINTS:
            for between in range(rank[wire.source] + 1, rank[wire.target]):
                point = f"{number} {between}"  # No key of a node contains a space.
                columns[between].append(point)
                heights[point] = _WAYPOINT_HEIGHT
                path.append(point)
        path.append(wire.target)
        paths.append(path)
        gaps[rank[wire.source]] = max(gaps[rank[wire.source]], wire.room + COLUMN_GAP)
        if span > 0:
            for source, target in pairwise(path):
                neighbours[source].append(target)
                neighbours[target].append(source)
    _order(columns, neighbours)
    tops = _heights(columns, neighbours, heights)
    spots: dict[str, Spot] = {}
    x = 0.0
    for column, gap in zip(columns, gaps, strict=True):
        width = max((sizes[node][0] for node in column if node in sizes), default=0.0)
        for node in column:
            own = sizes[node][0] if node in sizes else width
            spots[node] = Spot(x, tops[node], own, heights[node])
        x += width + gap
    width = max((spot.x + spot.width for spot in spots.values()), default=0.0)
    height = max((spot.y + spot.height for spot in spots.values()), default=0.0)
    ways = [[spots[node] for node in path] for path in paths]
    return Layout({node: spots[node] for node in sizes}, ways, width, height)


def ranks(nodes: Sequence[str], links: Iterable[tuple[str, str]]) -> dict[str, int]:
    """Return the column of each node: the length of the longest path to it, without links that close cycles."""
    below: dict[str, list[str]] = {node: [] for node in nodes}
    for source, target in links:
        below[source].append(target)
    rank = dict.fromkeys(nodes, 0)
    for node in reversed(_finished(nodes, below)):
        for target in below[node]:
            rank[target] = max(rank[target], rank[node] + 1)
    return rank


def _finished(nodes: Sequence[str], below: dict[str, list[str]]) -> list[str]:
    """Return the nodes after all that they lead to, and remove the links that close cycles from ``below``."""
    done: list[str] = []
    seen: set[str] = set()
    open_nodes: set[str] = set()
    for root in nodes:
        if root in seen:
            continue
        seen.add(root)
        open_nodes.add(root)
        stack = [(root, iter(tuple(below[root])))]
        while stack:
            node, following = stack[-1]
            for target in following:
                if target in open_nodes:
                    below[node].remove(target)
                elif target not in seen:
                    seen.add(target)
                    open_nodes.add(target)
                    stack.append((target, iter(tuple(below[target]))))
                    break
            else:
                stack.pop()
                open_nodes.discard(node)
                done.append(node)
    return done


def _order(columns: list[list[str]], neighbours: Mapping[str, Sequence[str]]) -> None:
    """Sort each column by the mean places of the neighbours, from left to right and back."""
    number = {node: column for column, listed in enumerate(columns) for node in listed}
    place = {node: float(index) for listed in columns for index, node in enumerate(listed)}
    for sweep in range(_SWEEPS):
        rightwards = sweep % 2 == 0
        for listed in columns if rightwards else reversed(columns):
            wanted = {}
            for node in listed:
                side = [n for n in neighbours.get(node, ()) if (number[n] < number[node]) == rightwards]
                wanted[node] = sum(place[n] for n in side) / len(side) if side else place[node]
            listed.sort(key=wanted.__getitem__)
            place.update((node, float(index)) for index, node in enumerate(listed))


def _heights(
    columns: Sequence[Sequence[str]], neighbours: Mapping[str, Sequence[str]], heights: Mapping[str, float]
) -> dict[str, float]:
    """Return the upper edge of each node: near the middle of its neighbours, without overlaps."""
    tops: dict[str, float] = {}
    for listed in columns:
        top = 0.0
        for node in listed:
            tops[node] = top
            top += heights[node] + ROW_GAP
    for sweep in range(2 * _SWEEPS):
        for listed in columns if sweep % 2 == 0 else reversed(columns):
            wanted = []
            for node in listed:
                near = neighbours.get(node, ())
                middle = sum(tops[n] + heights[n] / 2 for n in near) / len(near) if near else None
                wanted.append(tops[node] if middle is None else middle - heights[node] / 2)
            tops.update(zip(listed, _spread(wanted, [heights[node] for node in listed]), strict=True))
    least = min(tops.values(), default=0.0)
    return {node: top - least for node, top in tops.items()}


def _spread(preferred: Sequence[float], heights: Sequence[float]) -> list[float]:
    """Return places as near as possible to those wanted, in the same order and without overlaps."""
    down = list(preferred)
    for index in range(1, len(down)):
        down[index] = max(down[index], down[index - 1] + heights[index - 1] + ROW_GAP)
    up = list(preferred)
    for index in range(len(up) - 2, -1, -1):
        up[index] = min(up[index], up[index + 1] - heights[index] - ROW_GAP)
    return [(one + other) / 2 for one, other in zip(down, up, strict=True)]
