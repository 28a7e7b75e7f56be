"""Track one graph of a run: where its token is, and which routes the run has taken.

A graph has one token, so its nodes run one after the other, on a task runner with one thread. Routes to a node or to
the end of a graph are recorded when the token takes them; ``run.json`` needs no other routes.
"""

from __future__ import annotations

import contextlib
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from prefect import allow_failure
from prefect.futures import PrefectFuture

from prefect_plugin.exceptions import OutsideRunError
from prefect_plugin.tasks.task_runners import WIDTH
from translator.shim.contract import After, Dialect, Scope
from translator.shim.contract import State as Outcome
from translator.shim.controlflow import fan
from translator.shim.errors import TranslatorError
from translator.shim.outcome.plans import CompositePlan, GraphPlan, NodePlan

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from uuid import UUID

    from prefect_plugin.run.run_state import Run

CompositeKind: TypeAlias = Literal["parallel", "map", "loop", "choice"]
Kind: TypeAlias = Literal["execution"] | CompositeKind
Pattern: TypeAlias = tuple[str, ...]
"""The path of a graph in the file: like its path in a run, but with ``*`` instead of an index."""


class Handover:
    """The state that a node passes to the next; not a dataclass, so that Prefect does not search it for futures.

    ``index`` and ``item`` belong to the branch of a map that is to begin.
    """

    __slots__ = ("index", "item", "scope")

    def __init__(self, scope: Scope, index: int = 0, item: Mapping[str, Any] | None = None) -> None:
        self.scope = scope
        self.index = index
        self.item = item


class NodeFailedError(TranslatorError):
    """A failed node with its handover; ``allow_failure`` passes it to the node that handles the failure."""

    def __init__(self, path: str, handover: Handover) -> None:
        super().__init__(f"{path} failed")
        self.handover = handover


class Node(Protocol):
    """A node of the file: the task that it is."""

    node: str
    kind: Kind
    branches: Mapping[str, Sequence[Node]]
    returns: Sequence[str]


@dataclass(eq=False, slots=True)
class Routes:
    """The routes through the graphs of a run, as far as the run has taken them.

    ``problem`` is the reason why no node of the run can run: its parameters are invalid.
    """

    dialect: Dialect
    problem: str | None = None
    starts: dict[Pattern, str] = field(default_factory=dict)
    after: dict[Pattern, set[After]] = field(default_factory=dict)
    complete_after: dict[Pattern, set[After]] = field(default_factory=dict)
    error_after: dict[Pattern, set[After]] = field(default_factory=dict)

    def check(self) -> None:
        """Refuse to begin a composite node.

        Raises:
            fan.FanError: no node of the run can run.
        """
        if self.problem:
            raise fan.FanError(self.problem)

    def plan(self, nodes: Sequence[Node], pattern: Pattern = (), *, interrupted: bool = False) -> GraphPlan:
        """Return the graph of ``nodes``, for ``translator.shim.outcome.run_record``.

        Args:
            nodes: the nodes.
            pattern: the path of the graph in the file.
            interrupted: whether the run was ended early, perhaps between two nodes: Prefect refuses to start a task
                of a suspended flow run, and a signal may come at any time.
        """
        return GraphPlan(
            [self._node(node, pattern, interrupted=interrupted) for node in nodes],
            tuple(self.complete_after.get(pattern, ())),
            self.starts.get(pattern),
            tuple(self.error_after.get(pattern, ())) if interrupted else None,
        )

    def _node(self, node: Node, pattern: Pattern, *, interrupted: bool) -> NodePlan | CompositePlan:
        here = (*pattern, node.node)
        after = tuple(self.after.get(here, ()))
        if node.kind == "execution":
            return NodePlan(node.node, after=after)
        branches = {
            name: self.plan(nodes, (*here, name), interrupted=interrupted) for name, nodes in node.branches.items()
        }
        return CompositePlan(node.node, node.kind, branches, after)


@dataclass(eq=False, slots=True)
class GraphRun:
    """A running graph; ``handover`` is that of its last node, ``states`` are the final states of its nodes.

    ``width`` is the number of items that its maps run at once: its share of the width of the enclosing graph.
    """

    run: Run
    routes: Routes
    handover: Handover
    path: tuple[str, ...] = ()
    pattern: Pattern = ()
    width: int = WIDTH
    names: dict[UUID, str] = field(default_factory=dict)
    states: dict[str, Outcome] = field(default_factory=dict)

    def path_of(self, node: str) -> str:
        """Return the path of one of the graph's nodes."""
        return ".".join((*self.path, node))

    def follow(self, node: str, token: object) -> None:
        """Record that ``node`` follows the last node of ``token``."""
        future, outcome = unwrapped(token)
        if future is None:
            self.routes.starts[self.pattern] = node
        else:
            after = After(self.names[future.task_run_id], outcome)
            self.routes.after.setdefault((*self.pattern, node), set()).add(after)

    def submitted(self, node: str, label: str, future: PrefectFuture[Any]) -> None:
        """Remember the future of a node; ``label`` is its name in the UI."""
        self.names[future.task_run_id] = node
        self.run.futures[self.path_of(node)] = future
        self.run.names[future.task_run_id] = label

    def ended(self, token: Token) -> Outcome:
        """Wait until the graph has ended, and return how it ended.

        Args:
            token: what the graph's function returned.
        """
        outcome: Literal["complete", "error"]
        end = token if isinstance(token, End) else End(token, Outcome.COMPLETE)
        future, _ = unwrapped(end.token)
        if future is None:
            return end.outcome
        future.wait()
        name = self.names[future.task_run_id]
        outcome = "error" if future.state.is_failed() else "complete"
        if end.outcome is Outcome.COMPLETE:
            ending: Literal["complete", "error"] = "error" if end.handled else "complete"
            self.routes.complete_after.setdefault(self.pattern, set()).add(After(name, ending))
            if outcome == ending and (future.state.is_completed() or end.handled):
                return Outcome.COMPLETE
        # Nothing handles the failures that no route leads on from, in the middle of the graph either.
        failures = {After(node, "error") for node, of in self.states.items() if of is Outcome.ERROR}
        declared = {After(name, "complete")} if future.state.is_completed() else set()
        self.routes.error_after.setdefault(self.pattern, set()).update(failures, declared)
        stopped = Outcome.STOPPED in self.states.values() or not self.states
        return Outcome.STOPPED if stopped else Outcome.ERROR


class End:
    """The end of a graph with its outcome; ``handled`` if a failure completes it."""

    __slots__ = ("handled", "outcome", "token")

    def __init__(self, token: object, outcome: Outcome, *, handled: bool = False) -> None:
        self.token = token
        self.outcome = outcome
        self.handled = handled


Token: TypeAlias = PrefectFuture[Any] | allow_failure | Handover | End
"""A token passes through a graph: it is the future of the last node, and at the start the handover to the first."""


def unwrapped(token: object) -> tuple[PrefectFuture[Any] | None, Literal["complete", "error"]]:
    """Return the future in a token (None at the start of a graph), and the outcome whose route is followed."""
    if isinstance(token, allow_failure):
        return token.unwrap(), "error"
    return (token if isinstance(token, PrefectFuture) else None), "complete"


_graph: ContextVar[GraphRun] = ContextVar("graph")


def current_graph() -> GraphRun:
    """Return the graph that the calling function or task belongs to.

    Raises:
        OutsideRunError: it is not called within ``run_of_graph``.
    """
    try:
        return _graph.get()
    except LookupError:
        raise OutsideRunError("nodes run in a flow, within `with run_of_graph(...)`") from None


@contextlib.contextmanager
def walked(graph: GraphRun) -> Iterator[None]:
    """Make ``graph`` the current graph of this thread."""
    token = _graph.set(graph)
    try:
        yield
    finally:
        _graph.reset(token)
