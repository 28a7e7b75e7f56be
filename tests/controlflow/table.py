"""List every way through control-flow graphs, with the states that each must end in.

``path=c`` is complete, ``e`` error, ``s`` skipped.

Their parameters are ``GIVEN``.
"""

from __future__ import annotations

from tests.controlflow.build import STUB, F, Graph, T, choice, graph, loop, mapped
from tests.controlflow.work import Work

COMPLETE, ERROR = "complete", "error"
GIVEN = {"list": ("a", "b", "c"), "pair": ("a", "b"), "none": (), "text": "word", "rate": 1}
HANDLED = {"on": (F, "next", "handler"), "next": (T, "end", None), "handler": (T, "end", None), "end": T}


def fails_on(**items: str) -> Work:
    """Return a step that fails for these items."""
    return Work(fails_on=items)


def writes(**values: object) -> Work:
    """Return a step that writes parameters."""
    return Work(writes=values)


CASES: dict[str, tuple[Graph, str, str]] = {
    "chain": (graph({"a": T, "b": T}), "a=c b=c", COMPLETE),
    "chain fails": (graph({"a": T, "b": F, "c": T, "d": T}), "a=c b=e c=s d=s", ERROR),
    "stub": (graph({"a": STUB}), "a=c", COMPLETE),
    "handled and rejoining": (graph(HANDLED), "on=e next=s handler=c end=c", COMPLETE),
    "nothing to handle": (graph({**HANDLED, "on": (T, "next", "handler")}), "on=c next=c handler=s end=c", COMPLETE),
    "handler fails": (graph({**HANDLED, "handler": (F, "end", None)}), "on=e next=s handler=e end=s", ERROR),
    "skip": (graph({"a": (F, "b", "c"), "b": T, "c": T}), "a=e b=s c=c", COMPLETE),
    "skip, not needed, fails": (graph({"a": (T, "b", "c"), "b": F, "c": T}), "a=c b=e c=s", ERROR),
    "next: fail": (graph({"a": (T, "fail", None)}), "a=c", ERROR),
    "next: fail, unless it fails": (graph({"a": (F, "fail", "success")}), "a=e", COMPLETE),
    "on_failure: success": (graph({"a": (F, "b", "success"), "b": T}), "a=e b=s", COMPLETE),
    "shared": (
        graph({"a": (T, "b", "h"), "b": (F, "c", "h"), "c": (T, "success", "h"), "h": (T, "fail", None)}),
        "a=c b=e c=s h=c",
        ERROR,
    ),
    "shared and joining": (
        graph({"a": (F, "b", "h"), "b": (T, "d", "h"), "h": (T, "d", None), "d": T}),
        "a=e b=s h=c d=c",
        COMPLETE,
    ),
    "same way for both": (graph({"a": (F, "b", "b"), "b": T}), "a=e b=c", COMPLETE),
    "unreachable": (graph({"a": (T, "c", None), "b": T, "c": T}), "a=c b=s c=c", COMPLETE),
    "handlers of handlers": (
        graph({"a": (F, "success", "h"), "h": (F, "success", "g"), "g": T, "z": T}),
        "a=e h=e g=c z=c",
        COMPLETE,
    ),
    "what a step in error writes is lost": (
        graph({"a": writes(x=1), "b": (Work(fails=True, writes={"x": 2}), "success", "c"), "c": T}),
        "a=c b=e c=c",
        COMPLETE,
    ),
    "parallel": (
        graph({"a": T, "p": {"x": graph({"one": F, "two": T}), "y": graph({"one": T, "two": T})}, "b": T}),
        "a=c p=e p.x.one=e p.x.two=s p.y.one=c p.y.two=c b=s",
        ERROR,
    ),
    "parallel handled inside": (
        graph({"p": {"x": graph({"one": (F, "two", "success"), "two": T}), "y": graph({"q": {"z": graph({"i": T})}})}}),
        "p=c p.x.one=e p.x.two=s p.y.q=c p.y.q.z.i=c",
        COMPLETE,
    ),
    "parallel handled outside": (
        graph(
            {
                "p": ({"x": graph({"one": writes(x=1), "two": F}), "y": graph({"i": writes(y=2)})}, "b", "h"),
                "b": (T, "success", None),
                "h": T,
            }
        ),
        "p=e p.x.one=c p.x.two=e p.y.i=c b=s h=c",
        COMPLETE,
    ),
    "parallel in parallel fails deep": (
        graph(
            {
                "p": ({"x": graph({"q": {"z": graph({"i": T, "j": F}), "w": graph({"i": T})}, "k": T})}, None, "h"),
                "h": T,
            }
        ),
        "p=e p.x.q=e p.x.q.z.i=c p.x.q.z.j=e p.x.q.w.i=c p.x.k=s h=c",
        COMPLETE,
    ),
    "handlers that are parallel": (
        graph(
            {
                "a": (F, "fail", "p"),
                "p": {
                    "x": graph({"b": (F, "success", "q"), "q": {"x": graph({"c": T}), "y": graph({"d": T})}}),
                    "y": graph({"e": T}),
                },
            }
        ),
        "a=e p=c p.x.b=e p.x.q=c p.x.q.x.c=c p.x.q.y.d=c p.y.e=c",
        COMPLETE,
    ),
    "parallel not reached": (graph({"a": F, "p": {"x": graph({"one": T})}}), "a=e p=s p.x.one=s", ERROR),
    "branches write one parameter": (
        graph({"p": {name: graph({"i": writes(who=name)}) for name in ("x", "y", "z")}, "after": writes(rate=0.5)}),
        "p=c p.x.i=c p.y.i=c p.z.i=c after=c",
        COMPLETE,
    ),
    "map": (
        graph({"m": mapped(graph({"one": fails_on(i="b"), "two": T}), "list", "i"), "z": T}),
        "m=e m.0.one=c m.0.two=c m.1.one=e m.1.two=s m.2.one=c m.2.two=c z=s",
        ERROR,
    ),
    "map handled inside": (
        graph(
            {
                "m": mapped(
                    graph({"one": (fails_on(i="b"), "two", "h"), "two": (T, "success", None), "h": T}), "list", "i"
                )
            }
        ),
        "m=c m.0.one=c m.0.two=c m.0.h=s m.1.one=e m.1.two=s m.1.h=c m.2.one=c m.2.two=c m.2.h=s",
        COMPLETE,
    ),
    "map handled outside": (
        graph({"m": (mapped(graph({"one": fails_on(i="a")}), "pair", "i"), "z", "h"), "z": T, "h": T}),
        "m=e m.0.one=e m.1.one=c z=s h=c",
        COMPLETE,
    ),
    "map that writes its list": (
        graph({"a": writes(new=[1, 2]), "m": mapped(graph({"one": writes(got="yes")}), "new", "i"), "z": T}),
        "a=c m=c m.0.one=c m.1.one=c z=c",
        COMPLETE,
    ),
    "parallel in map": (
        graph(
            {
                "m": mapped(
                    graph({"p": {"x": graph({"one": fails_on(i="b")}), "y": graph({"one": T})}, "z": T}), "pair", "i"
                )
            }
        ),
        "m=e m.0.p=c m.0.p.x.one=c m.0.p.y.one=c m.0.z=c m.1.p=e m.1.p.x.one=e m.1.p.y.one=c m.1.z=s",
        ERROR,
    ),
    "map in parallel": (
        graph({"p": {"x": graph({"m": mapped(graph({"one": fails_on(i="b")}), "pair", "i")}), "y": graph({"one": T})}}),
        "p=e p.x.m=e p.x.m.0.one=c p.x.m.1.one=e p.y.one=c",
        ERROR,
    ),
    "map of maps": (
        graph({"m": mapped(graph({"n": mapped(graph({"one": fails_on(i="b", j="b")}), "pair", "j")}), "pair", "i")}),
        "m=e m.0.n=c m.0.n.0.one=c m.0.n.1.one=c m.1.n=e m.1.n.0.one=c m.1.n.1.one=e",
        ERROR,
    ),
    "map of nothing": (graph({"m": mapped(graph({"one": F}), "none", "i"), "z": T}), "m=c z=c", COMPLETE),
    "map of no list": (graph({"m": (mapped(graph({"one": T}), "text", "i"), "z", "z"), "z": T}), "m=e z=c", COMPLETE),
    "map of no parameter": (graph({"m": mapped(graph({"one": T}), "absent", "i"), "z": T}), "m=e z=s", ERROR),
}
"""In both dialects alike, except what stays of composite nodes in error."""

RUNNABLE: dict[str, tuple[Graph, str, str]] = {
    "map that returns": (
        graph({"m": mapped(graph({"one": Work(writes={"got": 3}, fails_on={"i": "b"})}), "list", "i"), "z": T}),
        "m=e m.0.one=c m.1.one=e m.2.one=c z=s",
        ERROR,
    ),
    "map that returns a list": (
        graph({"m": mapped(graph({"one": writes(got=3), "two": writes(rest="x")}), "list", "i"), "z": T}),
        "m=c m.0.one=c m.0.two=c m.1.one=c m.1.two=c m.2.one=c m.2.two=c z=c",
        COMPLETE,
    ),
    "loop": (
        graph({"l": loop(graph({"one": Work(counts=("count", "done", 2))}), "done", 5, "n"), "z": T}),
        "l=c l.0.one=c l.1.one=c z=c",
        COMPLETE,
    ),
    "loop to its limit": (graph({"l": loop(graph({"one": T}), "done", 2)}), "l=c l.0.one=c l.1.one=c", COMPLETE),
    "loop fails": (
        graph({"l": (loop(graph({"zero": writes(x=1), "one": F, "two": T}), "done", 2), "z", "z"), "z": T}),
        "l=e l.0.zero=c l.0.one=e l.0.two=s z=c",
        COMPLETE,
    ),
    "choice": (
        graph({"c": choice("text", b=graph({"x": F}), word=graph({"x": T, "y": T}))}),
        "c=c c.b.x=s c.word.x=c c.word.y=c",
        COMPLETE,
    ),
    "choice fails": (
        graph({"c": (choice("text", word=graph({"x": F}), b=graph({"x": T})), "success", "h"), "h": T}),
        "c=e c.word.x=e c.b.x=s h=c",
        COMPLETE,
    ),
    "choice of numbers": (
        graph({"c": choice("rate", **{"1": graph({"x": writes(took=1)}), "2": graph({"x": T})}), "z": T}),
        "c=c c.1.x=c c.2.x=s z=c",
        COMPLETE,
    ),
    "no such case": (graph({"c": choice("text", b=graph({"x": T}))}), "c=e c.b.x=s", ERROR),
    "no such parameter": (
        graph({"c": (choice("no", b=graph({"x": T})), "success", "success")}),
        "c=e c.b.x=s",
        COMPLETE,
    ),
    "loop in loop": (
        graph({"l": loop(graph({"m": loop(graph({"one": Work(counts=("count", "done", 3))}), "done", 2)}), "done", 3)}),
        "l=c l.0.m=c l.0.m.0.one=c l.0.m.1.one=c l.1.m=c l.1.m.0.one=c",
        COMPLETE,
    ),
    "choice in choice": (
        graph(
            {
                "c": choice(
                    "text", word=graph({"d": choice("rate", **{"1": graph({"x": F})}), "y": T}), b=graph({"x": T})
                )
            }
        ),
        "c=e c.word.d=e c.word.d.1.x=e c.word.y=s c.b.x=s",
        ERROR,
    ),
    "loop of choices": (
        graph(
            {
                "l": loop(
                    graph(
                        {
                            "one": Work(counts=("count", "done", 2)),
                            "c": choice("count", **{"1": graph({"x": T}), "2": graph({"y": T})}),
                        }
                    ),
                    "done",
                    3,
                )
            }
        ),
        "l=c l.0.one=c l.0.c=c l.0.c.1.x=c l.0.c.2.y=s l.1.one=c l.1.c=c l.1.c.1.x=s l.1.c.2.y=c",
        COMPLETE,
    ),
}
"""What only runnable has."""

DIFFERENT = (
    "parallel handled outside",
    "branches write one parameter",
    "map handled outside",
    "map that writes its list",
    "parallel in map",
    "map of maps",
)
"""Of ``CASES`` those that leave other parameters or files in runnable than in Magnus."""
