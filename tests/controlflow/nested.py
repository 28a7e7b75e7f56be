"""Build maps in maps, with other nodes between them; the specification predicts their outcome.

Their parameters are those of ``tests.controlflow.table``. The real runnable cannot run them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.controlflow.build import F, T, choice, graph, loop, mapped
from tests.controlflow.table import fails_on, writes
from tests.controlflow.work import Work

if TYPE_CHECKING:
    from tests.controlflow.build import Graph, Node


def outer(nodes: dict[str, Any]) -> Node:
    """Return a map with these nodes, over two items."""
    return mapped(graph(nodes), "pair", "i")


def inner(work: Work = T, item: str = "j") -> Node:
    """Return a map with one step, over two items."""
    return mapped(graph({"one": work}), "pair", item)


DEEP = mapped(graph({"k": inner(fails_on(i="a", j="b", k="a"), "k"), "y": T}), "pair", "j")
TURNS = {"count up": Work(counts=("count", "done", 2)), "n": inner()}

NESTED: dict[str, Graph] = {
    "map in a map, with steps around": graph(
        {"m": outer({"a": writes(x=1), "n": inner(fails_on(i="b", j="a")), "z": writes(x=2)}), "end": T}
    ),
    "map in a map, with steps after each other": graph(
        {"m": outer({"n": (mapped(graph({"one": fails_on(j="a"), "two": T}), "pair", "j"), "z", "z"), "z": T, "y": T})}
    ),
    "map in a map, handled": graph(
        {"m": outer({"n": (inner(fails_on(i="b", j="a")), "z", "h"), "h": (T, "z", None), "z": T}), "end": T}
    ),
    "map in a map, not reached by each item": graph(
        {"m": outer({"a": (fails_on(i="b"), "n", "h"), "n": (inner(), "z", None), "h": T, "z": T})}
    ),
    "map in a map, reached in two ways": graph(
        {"m": outer({"a": (fails_on(i="b"), "n", "h"), "h": (T, "n", None), "n": inner()})}
    ),
    "map in a map, or another": graph(
        {
            "m": outer(
                {
                    "a": (fails_on(i="a"), "n", "k"),
                    "n": (inner(), "z", None),
                    "k": (inner(F, "k"), "success", "z"),
                    "z": T,
                }
            )
        }
    ),
    "maps after each other in a map": graph({"m": outer({"n": inner(), "k": inner(fails_on(i="a", k="b"), "k")})}),
    "map of no list in a map": graph({"m": outer({"n": (mapped(graph({"one": T}), "text", "j"), "z", "z"), "z": T})}),
    "map of nothing in a map": graph({"m": outer({"n": mapped(graph({"one": F}), "none", "j"), "z": T})}),
    "map in a map of nothing": graph({"m": mapped(graph({"a": T, "n": inner(), "z": T}), "none", "i"), "end": T}),
    "map in a map that is not reached": graph({"a": F, "m": outer({"n": inner(), "z": T})}),
    "maps three deep": graph({"m": outer({"n": DEEP, "z": T})}),
    "map in a parallel in a map": graph(
        {"m": outer({"p": {"x": graph({"u": fails_on(i="b"), "n": inner(), "v": T}), "y": graph({"w": T})}, "z": T})}
    ),
    "map in a parallel in a map, reached by some items": graph(
        {
            "m": outer(
                {
                    "a": (fails_on(i="b"), "p", "h"),
                    "p": {"x": graph({"n": inner()}), "y": graph({"q": {"w": graph({"v": T})}})},
                    "z": T,
                    "h": T,
                }
            )
        }
    ),
    "map in a dag in a map": graph({"m": outer({"d": {"dag": graph({"n": inner(fails_on(i="b"))})}})}),
}
"""In both dialects alike."""

NESTED_RUNNABLE: dict[str, Graph] = {
    "choice in a map": graph({"m": outer({"c": choice("text", b=graph({"x": F}), word=graph({"y": T})), "z": T})}),
    "loop in a map": graph({"m": outer({"l": loop(graph({"one": TURNS["count up"]}), "done", 3), "z": T})}),
    "map in a choice in a map": graph(
        {
            "m": outer(
                {
                    "a": (fails_on(i="b"), "c", "z"),
                    "c": choice("text", b=graph({"x": F, "n": inner(F)}), word=graph({"n": inner(), "y": T})),
                    "z": T,
                }
            )
        }
    ),
    "no such case in a map": graph({"m": outer({"c": (choice("rate", b=graph({"n": inner()})), "fail", "z"), "z": T})}),
    "map in a loop in a map": graph({"m": outer({"l": loop(graph(TURNS), "done", 3, "turn"), "z": T})}),
}
"""With what only runnable has."""
