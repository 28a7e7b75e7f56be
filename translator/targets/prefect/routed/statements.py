"""From a routed graph to the statements of the function that walks it.

The function has one variable, ``last``: what it has come to. A failure that nothing handles needs no statement, as
Prefect runs nothing after a task that failed. One that is handled becomes an ``if``; where its branch comes back to
the way of success, both go on together. A node that is reached from several places, and is no such place, begins a
function of its own, which each of them calls as the last thing it does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from translator import ir

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Target: TypeAlias = str | ir.End
COMPLETE, ERROR = ir.End(ir.Outcome.COMPLETE), ir.End(ir.Outcome.ERROR)


@dataclass(frozen=True, slots=True)
class Submit:
    """Submit a node; ``handling`` where it follows the failure of what there was last."""

    node: str
    handling: bool


@dataclass(frozen=True, slots=True)
class Handle:
    """Let the next node run although the last one failed."""


@dataclass(frozen=True, slots=True)
class IfFailed:
    """What to do where the last node failed, and where it did not."""

    then: tuple[Statement, ...]
    otherwise: tuple[Statement, ...] = ()


@dataclass(frozen=True, slots=True)
class Return:
    """The end of the function: as ``outcome`` says where it must, or as what follows from the node ``onward``."""

    outcome: ir.Outcome | None = None
    onward: str | None = None
    handling: bool = False


Statement: TypeAlias = "Submit | Handle | IfFailed | Return"


@dataclass(frozen=True, slots=True)
class Walk:
    """The statements of a graph's function, and of the functions that begin with a node, by that node."""

    main: tuple[Statement, ...]
    onward: dict[str, tuple[Statement, ...]]


def walk(graph: ir.Graph) -> Walk:
    """The statements that walk ``graph``, which has no cycle."""
    writer = _Writer(graph)
    while True:
        writer.written.clear()
        made = writer.all()
        shared = {node for node, count in writer.written.items() if count > 1}
        if not shared:
            return made
        writer.shared |= shared


def routes(node: ir.Node) -> tuple[Target, Target]:
    """What follows a node that is complete, and one that is in error."""
    found = {route.outcome: route.target for route in node.policy.routes}
    return found.get(ir.Outcome.COMPLETE, COMPLETE), found.get(ir.Outcome.ERROR, ERROR)


@dataclass(slots=True)
class _Writer:
    graph: ir.Graph
    shared: set[str] = field(default_factory=set)
    written: dict[str, int] = field(default_factory=dict)
    _routes: dict[str, tuple[Target, Target]] = field(init=False)

    def __post_init__(self) -> None:
        self._routes = {node.name: routes(node) for node in self.graph.nodes}

    def all(self) -> Walk:
        assert self.graph.start is not None  # noqa: S101 - a routed graph
        main = self._from(self.graph.start, None, handling=False)
        onward: dict[str, tuple[Statement, ...]] = {}
        called = list(_called(main))
        while called:
            node = called.pop(0)
            if node not in onward:
                onward[node] = self._from(node, None, handling=False, own=True)
                called += _called(onward[node])
        return Walk(main, onward)

    def _from(self, target: Target, stop: str | None, *, handling: bool, own: bool = False) -> tuple[Statement, ...]:
        """The statements from ``target`` to the graph's end, or to where ``stop`` is to be submitted."""
        out: list[Statement] = []
        while True:
            if target == stop:
                return (*out, *([Handle()] if handling else []))
            if isinstance(target, ir.End):
                says = target.outcome if handling or target == ERROR else None
                return (*out, Return(says))
            if target in self.shared and not own:
                return (*out, Return(onward=target, handling=handling))
            self.written[target] = self.written.get(target, 0) + 1
            out.append(Submit(target, handling))
            handling = own = False
            after, instead = self._routes[target]
            if instead != ERROR:
                meeting = self._meeting(after, instead, stop)
                then = self._from(instead, meeting, handling=True)
                if meeting is not None and not _returns(then):
                    otherwise = self._from(after, meeting, handling=False)
                    out.append(_branching(then, otherwise))
                    if _returns(otherwise) and _returns(then):
                        return tuple(out)
                    target = meeting
                    continue
                out.append(IfFailed(then))
                if then == (Return(onward=None),):
                    out.pop()
            target = after

    def _meeting(self, after: Target, instead: Target, stop: str | None) -> str | None:
        """The first node on the way of success from ``after`` that the way from ``instead`` comes to as well."""
        reached = self._reached(instead)
        here = after
        while isinstance(here, str):
            if here in reached:
                return here
            if here == stop:
                return None
            here = self._routes[here][0]
        return None

    def _reached(self, target: Target) -> set[str]:
        found: set[str] = set()
        waiting = [target]
        while waiting:
            one = waiting.pop()
            if isinstance(one, str) and one not in found:
                found.add(one)
                waiting += self._routes[one]
        return found


def _branching(then: tuple[Statement, ...], otherwise: tuple[Statement, ...]) -> IfFailed:
    return IfFailed(then, otherwise)


def _returns(statements: Sequence[Statement]) -> bool:
    """Whether statements end the function on every way through them."""
    last = statements[-1] if statements else None
    if isinstance(last, IfFailed):
        return bool(last.otherwise) and _returns(last.then) and _returns(last.otherwise)
    return isinstance(last, Return)


def _called(statements: Sequence[Statement]) -> Iterator[str]:
    for one in statements:
        if isinstance(one, Return) and one.onward is not None:
            yield one.onward
        elif isinstance(one, IfFailed):
            yield from _called(one.then)
            yield from _called(one.otherwise)
