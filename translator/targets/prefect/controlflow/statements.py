"""Lower a control-flow graph to the statements of the function that walks it.

The function has one variable, ``token``. A failure that nothing handles needs no statement, because Prefect runs
nothing after a task that failed. A failure that a node handles becomes an ``if failed(token)``. If several nodes in a
row have the same handler, all but the first are submitted under ``if not failed(token)``, and the handler comes after
them, as ``except`` comes after the statements of a ``try``. When the way through the handler meets the way of success,
both continue together. Any other node that several ways lead to begins its own function, which each of them calls
last. So does a node whose ``if`` would be nested too deep.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias, TypeGuard

from translator import ir
from translator.errors import UncheckedPipelineError
from translator.graphs import reachable
from translator.nodes import ERROR, routes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from translator.nodes import Target

DEPTH = 4
"""The maximum depth of nested ``if``; a node below that begins its own function."""


@dataclass(frozen=True, slots=True)
class Submit:
    """A statement that submits a node; ``handling`` if it follows the failure of the last node."""

    node: str
    handling: bool


@dataclass(frozen=True, slots=True)
class Handle:
    """A statement that lets the next node run although the last one failed."""


@dataclass(frozen=True, slots=True)
class SubmitUnlessFailed:
    """A statement that submits a node unless the last node failed."""

    node: str


@dataclass(frozen=True, slots=True)
class IfFailed:
    """Statements for a failure of the last node, and for no failure."""

    then: tuple[Statement, ...]
    otherwise: tuple[Statement, ...] = ()


@dataclass(frozen=True, slots=True)
class Return:
    """The end of the function: with ``outcome`` if the token has another, or with the function of ``onward``."""

    outcome: ir.Outcome | None = None
    onward: str | None = None
    handling: bool = False


Statement: TypeAlias = "Submit | SubmitUnlessFailed | Handle | IfFailed | Return"


@dataclass(frozen=True, slots=True)
class Walk:
    """The statements of a graph's function, and of the functions that begin with a node, by that node."""

    main: tuple[Statement, ...]
    onward: dict[str, tuple[Statement, ...]]


def walk(graph: ir.Graph) -> Walk:
    """Return the statements that walk ``graph``, which has no cycle."""
    writer = _Writer(graph)
    while True:
        before = len(writer.shared)
        walked = writer.all()
        if len(writer.shared) == before:
            return walked


@dataclass(slots=True)
class _Writer:
    """A writer of a graph's functions, which repeats until it knows which nodes must begin their own."""

    graph: ir.Graph
    shared: set[str] = field(default_factory=set)
    _written: set[str] = field(default_factory=set)
    _routes: dict[str, tuple[Target, Target]] = field(init=False)
    _reachable: dict[Target, frozenset[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._routes = {node.name: routes(node) for node in self.graph.nodes}

    def all(self) -> Walk:
        if self.graph.start is None:
            raise UncheckedPipelineError("a graph without a start", "in a control-flow pipeline")
        self._written.clear()
        main = self._from(self.graph.start, None, 0, handling=False)
        onward: dict[str, tuple[Statement, ...]] = {}
        called = list(_called(main))
        while called:
            node = called.pop(0)
            if node not in onward:
                onward[node] = self._from(node, None, 0, handling=False, own=True)
                called += _called(onward[node])
        return Walk(main, onward)

    def _from(
        self, target: Target, stop: str | None, depth: int, *, handling: bool, own: bool = False
    ) -> tuple[Statement, ...]:
        """Return the statements from ``target`` to the graph's end, or to where ``stop`` is submitted.

        Args:
            target: what comes next.
            stop: where the enclosing statements continue.
            depth: the number of enclosing ``if``.
            handling: whether ``target`` follows a failure.
            own: whether this is the function that begins with ``target``.
        """
        out: list[Statement] = []
        while True:
            if target == stop:
                return (*out, *([Handle()] if handling else []))
            if isinstance(target, ir.End):
                says = target.outcome if handling or target == ERROR else None
                return (*out, Return(says))
            if not own and (target in self.shared or target in self._written):
                self.shared.add(target)
                return (*out, Return(onward=target, handling=handling))
            self._written.add(target)
            out.append(Submit(target, handling))
            handling = own = False
            after, instead = self._routes[target]
            if instead != ERROR:
                while self._shares_handler(after, instead, stop):
                    self._written.add(after)
                    out.append(SubmitUnlessFailed(after))
                    after = self._routes[after][0]
                if isinstance(instead, str) and depth == DEPTH:
                    self.shared.add(instead)
                    out.append(IfFailed((Return(onward=instead, handling=True),)))
                    target = after
                    continue
                meeting = self._meeting(after, instead, stop)
                then = self._from(instead, meeting, depth + 1, handling=True)
                if meeting is not None and not _returns(then):
                    out.append(IfFailed(then, self._from(after, meeting, depth + 1, handling=False)))
                    target = meeting
                    continue
                out.append(IfFailed(then))
            target = after

    def _shares_handler(self, target: Target, handler: Target, stop: str | None) -> TypeGuard[str]:
        """Return whether ``target`` is a node that can follow here and whose failure ``handler`` also handles."""
        if not isinstance(handler, str) or not isinstance(target, str) or target == stop:
            return False
        return target not in self.shared | self._written and self._routes[target][1] == handler

    def _meeting(self, after: Target, instead: Target, stop: str | None) -> str | None:
        """Return the first node on the success route from ``after`` that the route from ``instead`` also reaches."""
        if instead not in self._reachable:
            self._reachable[instead] = reachable([instead], self._routes)
        reached = self._reachable[instead]
        here = after
        while isinstance(here, str):
            if here in reached:
                return here
            if here == stop:
                return None
            here = self._routes[here][0]
        return None


def _returns(statements: Sequence[Statement]) -> bool:
    """Return whether statements end the function on every way through them."""
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
