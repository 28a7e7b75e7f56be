"""Build the drawing of a pipeline from its IR."""

from __future__ import annotations

from collections import defaultdict
from itertools import count
from typing import TYPE_CHECKING

from translator import ir
from translator.graph.model import END, Box, Branch, Drawing, Link, LinkKind, Picture
from translator.graph.words import branch_title, carried, condition, kind_text, notes
from translator.nodes import COMPLETE, ERROR, branches, reached_nodes, routes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from translator.graph.model import Status
    from translator.nodes import Target

_ENDS = {COMPLETE: "success", ERROR: "fail"}


def build(
    pipeline: ir.Pipeline, statuses: Mapping[tuple[str, ...], Status] | None = None, captions: tuple[str, ...] = ()
) -> Drawing:
    """Return the drawing of a pipeline.

    Args:
        pipeline: the pipeline.
        statuses: the states of its nodes and branches by path: node, branch, node, ...; the bodies of maps and loops
            are called ``translator.nodes.BODY``.
        captions: what the states are.
    """
    one_by_one = ("Nodes run one at a time, in the order of the file.",) if pipeline.concurrency == 1 else ()
    picture = _Builder(pipeline, statuses or {}).picture(pipeline.graph, ())
    return Drawing(pipeline.title, pipeline.file, picture, (*captions, *one_by_one))


class _Builder:
    """Builds the boxes of a pipeline, and numbers them."""

    def __init__(self, pipeline: ir.Pipeline, statuses: Mapping[tuple[str, ...], Status]) -> None:
        self._pipeline = pipeline
        self._statuses = statuses
        self._numbers = count()

    def picture(self, graph: ir.Graph, above: tuple[str, ...]) -> Picture:
        """Return the boxes and links of a graph."""
        reached = None if graph.start is None else reached_nodes(graph)
        drawn = [self._box(node, above, reached is None or node.name in reached) for node in graph.nodes]
        if not above:
            drawn = [*(self._earlier(node) for node in self._pipeline.earlier), *drawn]
        keys = {box.name: box.key for box in drawn}
        if graph.start is None:
            return Picture(tuple(drawn), tuple(self._data_links(graph, keys)))
        ends: dict[Target, Box] = {}
        links = []
        for node in graph.nodes:
            for target, usual, link_kind in zip(routes(node), _ENDS, (LinkKind.NEXT, LinkKind.FAILURE), strict=True):
                if target == usual:
                    continue
                if isinstance(target, ir.End) and target not in ends:
                    ends[target] = Box(self._key("n"), (*above, _ENDS[target]), END)
                key = ends[target].key if isinstance(target, ir.End) else keys[target]
                label = ("if it fails",) if link_kind is LinkKind.FAILURE else ()
                links.append(Link(keys[node.name], key, link_kind, label))
        return Picture((*drawn, *ends.values()), tuple(links))

    def _box(self, node: ir.Node, above: tuple[str, ...], reached: bool) -> Box:  # noqa: FBT001
        path = (*above, node.name)
        key = self._key("n")
        inside = tuple(
            Branch(
                self._key("b"),
                branch_title(node, name),
                self.picture(graph, (*path, name)),
                self._statuses.get((*path, name)),
            )
            for name, graph in branches(node).items()
        )
        remarks = (*notes(self._pipeline, node), *(() if reached else ("unreachable",)))
        group = node.group if isinstance(node, ir.StepNode) else None
        return Box(key, path, kind_text(node), remarks, group, self._statuses.get(path), inside)

    def _earlier(self, node: ir.Node) -> Box:
        """Return the box of a node that is left out."""
        part = self._pipeline.part
        which = "an earlier run" if part is None or part.run is None else f"run {part.run}"
        return Box(self._key("n"), (node.name,), kind_text(node), (f"left out: from {which}",))

    def _data_links(self, graph: ir.Graph, keys: Mapping[str, str]) -> Iterator[Link]:
        grouped: dict[tuple[str, str], list[ir.Edge]] = defaultdict(list)
        for edge in self._pipeline.incoming if graph is self._pipeline.graph else graph.edges:
            grouped[edge.source.node, edge.target.node].append(edge)
        for (source, target), edges in grouped.items():
            if source not in keys:
                continue  # left out, and it brought nothing
            labels = tuple(dict.fromkeys(label for edge in edges if (label := carried(edge)) is not None))
            yield Link(keys[source], keys[target], LinkKind.DATA if labels else LinkKind.ORDER, labels)
        for node in graph.nodes:
            for gate in node.policy.gates:
                if gate.node is not None and gate.node in keys:
                    yield Link(keys[gate.node], keys[node.name], LinkKind.CONDITION, (condition(gate),))

    def _key(self, letter: str) -> str:
        return f"{letter}{next(self._numbers)}"
