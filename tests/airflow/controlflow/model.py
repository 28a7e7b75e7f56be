"""Predict a run of a control-flow graph after parts of it were cleared and ran again.

A run that runs as a whole must end as the specification (``translator.semantics.controlflow``) says. If parts of it run
again, ``Model`` remembers how each node ended last, and what it published. A part runs if a current outcome leads to
it, and the token follows the current outcomes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.controlflow.histories import Plan, Shape, does
from translator import ir
from translator.semantics.controlflow import GraphFate, Interpreter, StepEnding, Visit
from translator.shim.contract import State

if TYPE_CHECKING:
    from collections.abc import Mapping

C, E, S, K = State.COMPLETE, State.ERROR, State.STOPPED, State.SKIPPED


class Scope(NamedTuple):
    """What a node sees: the parameters around its graph, and what was written in its graph."""

    around: Mapping[str, Any]
    written: Mapping[str, Any]

    @property
    def all(self) -> dict[str, Any]:
        return {**self.around, **self.written}


class Instance(NamedTuple):
    """A task instance, its task as ``plain`` has it; of a task that is not mapped the index is -1."""

    task: str
    index: int = -1


@dataclass
class Cleared:
    """The instances that run again; ``whole`` are tasks of which also those do that are new."""

    instances: set[Instance]
    whole: set[str]

    def has(self, task: str, index: int) -> bool:
        return task in self.whole or Instance(task, index) in self.instances


@dataclass
class Model:
    """What is true of one run: how each node fared that ran last, by path."""

    shape: Shape
    home: str
    plan: Plan = field(default_factory=Plan)
    stamp: int = 0
    states: dict[str, State] = field(default_factory=dict)
    natural: dict[str, State] = field(default_factory=dict)
    left: dict[str, Scope] = field(default_factory=dict)
    saw: dict[str, dict[str, Any]] = field(default_factory=dict)
    tries: dict[str, int] = field(default_factory=dict)
    lists: dict[str, list[Any]] = field(default_factory=dict)
    """By path of a map the items that it listed last, of a choice the case that it chose."""
    marked_run: str | None = None
    kept: State | None = None
    """How the run stands, where Airflow did not let its last task tell it anew."""

    def __post_init__(self) -> None:
        self.pipeline = self.shape.pipeline()
        self.rules = Interpreter(self.pipeline, self._ending)
        self._changed = False

    def _ending(self, visit: Visit) -> StepEnding:
        return does(visit.path, visit.items, self.plan, self.stamp)

    def fate(self) -> GraphFate:
        """Return the specification's outcome of a run that runs as a whole."""
        return self.rules.run({"home": self.home})

    # What runs again

    def run(self, again: Cleared | None = None) -> None:
        """Run what was cleared, or everything."""
        if again is None:
            for known in (self.states, self.natural, self.left, self.saw, self.lists):
                known.clear()
        self._again = again
        self._graph(self.pipeline.graph, "", {"home": self.home}, {}, -1, begins=True)

    def _is_again(self, task: str, index: int) -> bool:
        return self._again is None or self._again.has(task, index)

    def _graph(
        self,
        graph: ir.Graph,
        prefix: str,
        around: Mapping[str, Any],
        items: Mapping[str, Any],
        index: int,
        *,
        begins: bool,
    ) -> None:
        for node in graph.nodes:  # in the order of the file each comes after those that lead to it
            came = self._came(graph, node, prefix, around, begins=begins)
            path = prefix + node.name
            match node:
                case ir.ExecutionNode():
                    if self._is_again(task_of(path), index):
                        self._step(path, came, items)
                    continue
                case ir.MapNode():
                    self._map(node, path, came, items)
                case ir.ChoiceNode():
                    self._choice(node, path, came, items, index)
                case ir.ParallelNode():
                    self._parallel(node, path, came, items, index)
                case ir.LoopNode():
                    self._loop(node, path, came, items, index)
            if self._is_again(f"{task_of(path)}.join", index):
                self._join(node, path, came)

    def _came(
        self, graph: ir.Graph, node: ir.Node, prefix: str, around: Mapping[str, Any], *, begins: bool
    ) -> Scope | None:
        """Return the scope that a node sees, if a current outcome leads to it."""
        if node.name == graph.start:
            return Scope(around, {}) if begins else None
        for before in graph.nodes:
            for route in before.policy.routes:
                wanted = C if route.outcome is ir.Outcome.COMPLETE else E
                if route.target == node.name and self.states.get(prefix + before.name) is wanted:
                    return self.left[prefix + before.name]
        return None

    def _set(self, path: str, state: State, left: Scope | None = None) -> None:
        self.states[path] = self.natural[path] = state
        if left is not None:
            self.left[path] = left

    def _step(self, path: str, came: Scope | None, items: Mapping[str, Any]) -> None:
        if came is None:
            self._set(path, K)
            return
        self.tries[path] = self.tries.get(path, 0) + 1
        if self._changed:
            self.saw.pop(path, None)
            self._set(path, E, came)
            return
        ending = does(path, items, self.plan, self.stamp)
        self.saw[path] = came.all
        self._set(path, ending.state, Scope(came.around, {**came.written, **ending.written}))

    def _map(self, node: ir.MapNode, path: str, came: Scope | None, items: Mapping[str, Any]) -> None:
        entry = f"{path}.items"
        if self._is_again(f"{task_of(path)}.items", -1):
            values = came.all.get(node.over) if came else []
            self.states[entry] = K if came is None else E if values is None else C
            self.lists[path] = list(values or ())
        around = came.all if came else {}
        first, before = self.first(path), self._changed
        for number, item in enumerate(self.lists.get(path, [])):
            begins = self.states[entry] is C
            inner = {**items, node.item: item}
            # Where the list was written anew, and not listed anew, what runs for an item that it had fails.
            self._changed = list(around.get(node.over, ()))[number : number + 1] != [item]
            self._graph(node.body, f"{path}.{number}.", around, inner, first + number, begins=begins)
        self._changed = before

    def first(self, path: str) -> int:
        """Return Airflow's map index for the first item of a map: maps in a map share one list of all their items."""
        outer, _, rest = path.partition(".")
        number, _, name = rest.partition(".")
        if not number.isdecimal():
            return 0
        return sum(len(self.lists.get(f"{outer}.{before}.{name}", ())) for before in range(int(number)))

    def _choice(self, node: ir.ChoiceNode, path: str, came: Scope | None, items: Mapping[str, Any], index: int) -> None:
        entry = f"{path}.choose"
        if self._is_again(f"{task_of(path)}.choose", index):
            case = came.all.get(node.on) if came else None
            self.states[entry] = K if came is None else C if case in node.cases else E
            self.lists[path] = [case] if case in node.cases else []
        around = came.all if came else {}
        for name, branch in node.cases.items():
            taken = self.states[entry] is C and name in self.lists[path]
            self._graph(branch, f"{path}.{name}.", around, items, index, begins=taken)

    def _parallel(
        self, node: ir.ParallelNode, path: str, came: Scope | None, items: Mapping[str, Any], index: int
    ) -> None:
        for name, branch in node.branches.items():
            self._graph(branch, f"{path}.{name}.", came.all if came else {}, items, index, begins=came is not None)

    def _loop(self, node: ir.LoopNode, path: str, came: Scope | None, items: Mapping[str, Any], index: int) -> None:
        found = came
        entry = f"{path}.enter"
        guarded = self._is_again(f"{task_of(path)}.enter", index)
        if guarded:
            self.states[entry] = C if came else K
        for number in range(node.limit):
            own = f"{path}.{number}.again"
            if number:
                state, left = self.follow(node.body, f"{path}.{number - 1}.", entered=self._is_on(path, number - 1))
                goes_on = state is C and left is not None and left.all.get(node.until) is not True
                found = (left or found) if found else None
            else:
                goes_on = self.states.get(entry) is C
            if self._is_again(f"{task_of(path)}.iteration_{number}.again", index):
                self.states[own] = C if goes_on else K
            around = found.all if found else {}
            self._graph(node.body, f"{path}.{number}.", around, items, index, begins=self._is_on(path, number))

    def _is_on(self, path: str, number: int) -> bool:
        return self.states.get(f"{path}.{number}.again") is C

    def _join(self, node: ir.Node, path: str, came: Scope | None) -> None:
        if came is None:
            self._set(path, K)
            return
        ran = {
            name: self.follow(branch, f"{path}.{name}.", entered=True)
            for name, branch in self._branches(node, path).items()
        }
        if isinstance(node, ir.LoopNode):
            ran = {name: one for name, one in ran.items() if self._is_on(path, int(name))}
        entry = {"MapNode": f"{path}.items", "ChoiceNode": f"{path}.choose"}.get(type(node).__name__)
        # The list was written again, and not listed again.
        unlisted = isinstance(node, ir.MapNode) and not self.lists[path] and came.all.get(node.over)
        if unlisted or self._changed or (entry and self.states[entry] is not C):  # the node could not begin
            self._set(path, E, came)
            return
        ended = {state for state, _ in ran.values()}
        stopped = S in ended and E not in ended
        fates = {
            name: GraphFate(state, {}, scope.written if scope is not None else {})
            for name, (state, scope) in ran.items()
        }
        if isinstance(node, ir.LoopNode):
            state = C if all(of.state is C for of in fates.values()) else E
            written = {name: value for of in fates.values() for name, value in of.written.items()}
        else:
            fate, written = self.rules._joined(node, fates)
            state = fate.state
        self._set(path, S if stopped else state, Scope(came.around, {**came.written, **written}))

    def _branches(self, node: ir.Node, path: str) -> dict[str, ir.Graph]:
        match node:
            case ir.MapNode():
                return {str(number): node.body for number in range(len(self.lists.get(path, [])))}
            case ir.ChoiceNode():
                return {name: graph for name, graph in node.cases.items() if name in self.lists.get(path, [])}
            case ir.ParallelNode():
                return dict(node.branches)
            case ir.LoopNode():
                return {str(number): node.body for number in range(node.limit)}
        raise AssertionError(node)

    # How it stands

    def follow(
        self, graph: ir.Graph, prefix: str, *, entered: bool, found: dict[str, State] | None = None
    ) -> tuple[State, Scope | None]:
        """Follow the token along the outcomes that stand: how the graph ended, and what its last node left.

        Args:
            graph: the graph.
            prefix: of the paths of its nodes.
            entered: whether a token came to it.
            found: gets the states of all nodes by path.
        """
        here: str | ir.End | None = graph.start if entered else None
        state, scope = (C if entered else K), None
        nodes = {node.name: node for node in graph.nodes}
        reached = set()
        while isinstance(here, str):
            path = prefix + here
            reached.add(here)
            of_node = self.states.get(path, K)
            if of_node not in (C, E):
                state, here = S, None
                break
            scope = self.left[path]
            outcome = ir.Outcome.COMPLETE if of_node is C else ir.Outcome.ERROR
            here = next(route.target for route in nodes[here].policy.routes if route.outcome is outcome)
        if isinstance(here, ir.End):
            state = C if here.outcome is ir.Outcome.COMPLETE else E
        for name in nodes if found is not None else ():
            path = prefix + name
            of_node = self.states.get(path, K)
            found[path] = (of_node if of_node in (C, E) else S) if name in reached else K
        return state, scope

    def now(self) -> tuple[State, dict[str, State]]:
        """Return how the run stands by its nodes, and the states of the nodes on the way of its tokens."""
        found: dict[str, State] = {}
        state, scope = self.follow(self.pipeline.graph, "", entered=True, found=found)
        self.last = scope
        todo = [(node, node.name) for node in self.pipeline.graph.nodes]
        while todo:
            node, path = todo.pop()
            if isinstance(node, ir.ExecutionNode):
                continue
            for name, graph in self._branches(node, path).items():
                prefix = f"{path}.{name}."
                entered = found[path] is not K
                if isinstance(node, ir.LoopNode):
                    entered = entered and self._is_on(path, int(name))
                if not entered:
                    continue
                self.follow(graph, prefix, entered=True, found=found)
                todo += [(inner, prefix + inner.name) for inner in graph.nodes]
        return state, found

    def keep(self, before: State, mark: str | None, decided: bool | None) -> None:
        """Keep the state of a run of which parts ran again, but not the task that ends it.

        Args:
            before: how the run stood.
            mark: how a person had marked it.
            decided: whether Airflow, which decides anew by that task if it ran anything, calls the run a success.
        """
        self.kept, self.marked_run = before, mark
        if mark is None or decided is None or decided is (before is C):
            return
        ruled, _ = self.now()
        self.kept, self.marked_run = C if decided else S if ruled is C else ruled, None

    def state(self) -> State:
        """Return the current state of the run."""
        if self.kept is not None:
            return self.kept
        ruled, _ = self.now()
        if self.marked_run == "success":
            return C
        return E if self.marked_run == "failed" and ruled is C else ruled


def task_of(path: str) -> str:
    """Return the id of the task of a step, or of the group of a composite node, at a ``plain`` path."""
    parts: list[str] = []
    for place, name in enumerate(path.split(".")):
        if is_item(path, place):
            continue
        parts.append(f"iteration_{name}" if name.isdecimal() else name)
    return ".".join(parts)


def plain(task: str) -> str:
    """Return the id of a task without the mapped groups, of which a body with a map in it has several."""
    return ".".join(part for part in task.split(".") if not part.startswith(("each_item", "each_part")))


def is_item(path: str, place: int) -> bool:
    """Return whether a part of a path is the number of an item of a map."""
    parts = path.split(".")
    return parts[place].isdecimal() and parts[place - 1] in ("many", "each")
