"""Interpret a control-flow pipeline (Magnus, runnable). This small interpreter is the specification.

It runs no command: an oracle says how each step ends and what it writes. It shares no code with the implementation
(``translator.shim.outcome.controlflow``, ``scopes`` and ``fan``), which tests compare with it.

    1.  A graph has one token. It starts at ``start`` and follows the route for each node's outcome, complete or error.
        An ``End`` ends the graph with the outcome it declares. Nodes that the token never reaches are *skipped*. A
        handled failure does not fail the run.
    2.  The run has the outcome of its outermost graph.
    3.  A step has the outcome of its command. It is retried only if the pipeline says so.
    4.  A parallel node runs all its branches, even if some of them fail. A map runs one branch per item of the list
        that its parameter holds when the token arrives, and none for an empty list. It fails if the value is not a
        list, or if the text of an item contains a dot, because items name branches. A composite node is complete if
        all branches that ran are complete.
    5.  A choice runs the branch whose name is the text of its parameter's value (``True``, ``1``). Without such a
        branch the choice fails and all its branches are skipped.
    6.  A loop repeats its branch until the branch fails, its parameter is exactly ``True`` (other true values do not
        count), or the limit is reached. In the last two cases the loop is complete.
    7.  A step sees the parameters that the enclosing graph had when the step's own graph began, and everything written
        in its own graph since. Parameters written by a failed step are discarded.
    8.  When a composite node ends, parameters written in its branches become visible in the enclosing graph; later
        branches overwrite earlier ones. In runnable, a failed node passes on nothing, and a map passes on only the
        declared returns of its own tasks: for each, the reduced list of what the branches wrote, or ``""`` if none
        did. Iterations of a loop follow each other like nodes: each sees what earlier ones wrote, and these writes
        remain even if an iteration fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from translator import ir
from translator.errors import UncheckedPipelineError
from translator.ir import Json, Outcome
from translator.nodes import kind, named_branches
from translator.shim import run_contract
from translator.shim.contract import State

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Visit:
    """A step that a token reached: its path, the parameters that it sees, and the items of the enclosing maps."""

    path: str
    node: ir.ExecutionNode
    parameters: Mapping[str, Json]
    items: Mapping[str, Json]
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class StepEnding:
    """The end of a step, and the parameters that it writes."""

    state: State = State.COMPLETE
    written: Mapping[str, Json] = field(default_factory=dict)


StepOracle: TypeAlias = Callable[[Visit], StepEnding]
Reducer: TypeAlias = Callable[[str | None, "Sequence[Json]"], Json]


@dataclass(frozen=True, slots=True)
class NodeFate:
    """The outcome of a node; a composite node that is not skipped has its actual or possible branches."""

    name: str
    kind: str
    state: State
    why: str = ""
    branches: Mapping[str, GraphFate] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GraphFate:
    """The outcome of a graph, and the parameters written in it."""

    state: State
    nodes: Mapping[str, NodeFate]
    written: Mapping[str, Json]
    why: str = ""


def listed(expression: str | None, values: Sequence[Json]) -> Json:
    """Return the default reducer of a map; expressions are text of a pipeline file, which does not run here.

    Raises:
        UncheckedPipelineError: the map has a reducer.
    """
    if expression is not None:
        raise UncheckedPipelineError(
            f"the reducer {expression}", "by the specification, which runs no code of a pipeline file"
        )
    return tuple(values)


class Interpreter:
    """An interpreter for a control-flow pipeline.

    Args:
        pipeline: the pipeline.
        oracle: how each step ends.
        reducer: how a map's reducer combines the values of its branches.
    """

    def __init__(
        self, pipeline: ir.Pipeline, oracle: StepOracle = lambda _: StepEnding(), reducer: Reducer = listed
    ) -> None:
        self.pipeline = pipeline
        self.oracle = oracle
        self.reducer = reducer

    def run(self, parameters: Mapping[str, Json]) -> GraphFate:
        """Return the outcome of a run that starts with ``parameters``, which count as written in the run."""
        fate = self._graph(self.pipeline.graph, "", parameters, {})
        return GraphFate(fate.state, fate.nodes, {**parameters, **fate.written}, fate.why)

    # What only a run can know; ``translate explain`` assumes it.

    def items(self, path: str, node: ir.MapNode, parameters: Mapping[str, Json]) -> Sequence[Json] | None:  # noqa: ARG002
        """Return the items of a map; None if they are not a list."""
        value = parameters.get(node.over)
        return value if isinstance(value, list | tuple) and not any("." in str(item) for item in value) else None

    def case(self, path: str, node: ir.ChoiceNode, parameters: Mapping[str, Json]) -> str | None:  # noqa: ARG002
        """Return the branch that a choice takes; None if there is none."""
        value = parameters.get(node.on)
        return str(value) if isinstance(value, bool | int | float | str) and str(value) in node.cases else None

    def ends(self, path: str, node: ir.LoopNode, parameters: Mapping[str, Json]) -> bool:  # noqa: ARG002
        """Return whether a loop ends after a complete iteration, before its limit."""
        return parameters.get(node.until) is True

    def broken(self, path: str) -> bool:  # noqa: ARG002
        """Return whether a composite node fails before any of its branches starts."""
        return False

    def _graph(self, graph: ir.Graph, prefix: str, visible: Mapping[str, Json], items: Mapping[str, Json]) -> GraphFate:
        nodes = {node.name: node for node in graph.nodes}
        fates: dict[str, NodeFate] = {}
        written: dict[str, Json] = {}
        here: str | ir.End = graph.start if graph.start is not None else ir.End(Outcome.COMPLETE)
        last = "it has no nodes"
        while not isinstance(here, ir.End):
            node = nodes[here]
            fates[here], wrote = self._node(node, prefix + here, {**visible, **written}, items)
            written.update(wrote)
            outcome = Outcome.COMPLETE if fates[here].state is State.COMPLETE else Outcome.ERROR
            last = f"{here} {'is complete' if outcome is Outcome.COMPLETE else 'failed'}"
            here = next(route.target for route in node.policy.routes if route.outcome is outcome)
        for name, node in nodes.items():
            fates.setdefault(name, _skipped(node))
        state = State.COMPLETE if here.outcome is Outcome.COMPLETE else State.ERROR
        return GraphFate(state, {name: fates[name] for name in nodes}, written, last)

    def _node(
        self, node: ir.Node, path: str, visible: Mapping[str, Json], items: Mapping[str, Json]
    ) -> tuple[NodeFate, Mapping[str, Json]]:
        """Return the outcome of a node that the token reached, and what it writes in its graph."""
        if isinstance(node, ir.ExecutionNode):
            return self._step(node, path, visible, items)
        if self.broken(path):
            return NodeFate(node.name, kind(node), State.ERROR, "it cannot start", _skipped(node).branches), {}
        match node:
            case ir.ParallelNode():
                return self._joined(node, self._branches(node.branches, path, visible, items))
            case ir.MapNode():
                return self._map(node, path, visible, items)
            case ir.ChoiceNode():
                return self._choice(node, path, visible, items)
            case ir.LoopNode():
                return self._loop(node, path, visible, items)
            case _:
                raise UncheckedPipelineError(f"{type(node).__name__} {node.name!r}", "in a control-flow graph")

    def _branches(
        self, graphs: Mapping[str, ir.Graph], path: str, visible: Mapping[str, Json], items: Mapping[str, Json]
    ) -> dict[str, GraphFate]:
        return {name: self._graph(graph, f"{path}.{name}.", visible, items) for name, graph in graphs.items()}

    def _map(
        self, node: ir.MapNode, path: str, visible: Mapping[str, Json], items: Mapping[str, Json]
    ) -> tuple[NodeFate, Mapping[str, Json]]:
        values = self.items(path, node, visible)
        if values is None:
            return NodeFate(node.name, "map", State.ERROR, f"parameter {node.over!r} is not a list of items"), {}
        ran = {
            str(index): self._graph(node.body, f"{path}.{index}.", visible, {**items, node.item: value})
            for index, value in enumerate(values)
        }
        return self._joined(node, ran)

    def _choice(
        self, node: ir.ChoiceNode, path: str, visible: Mapping[str, Json], items: Mapping[str, Json]
    ) -> tuple[NodeFate, Mapping[str, Json]]:
        case = self.case(path, node, visible)
        branches = _skipped(node).branches
        if case is None:
            why = f"parameter {node.on!r} does not name one of its cases"
            return NodeFate(node.name, "choice", State.ERROR, why, branches), {}
        taken = self._branches({case: node.cases[case]}, path, visible, items)
        fate, wrote = self._joined(node, taken)
        return replace(fate, branches={**branches, **taken}), wrote

    def _step(
        self, node: ir.ExecutionNode, path: str, visible: Mapping[str, Json], items: Mapping[str, Json]
    ) -> tuple[NodeFate, Mapping[str, Json]]:
        tries = max(1, node.policy.tries)
        for attempt in range(1, tries + 1):
            ending = self.oracle(Visit(path, node, visible, items, attempt))
            if ending.state is State.COMPLETE:
                why = "no failure" if attempt == 1 else f"complete on attempt {attempt}"
                return NodeFate(node.name, "execution", State.COMPLETE, why), ending.written
        return NodeFate(node.name, "execution", State.ERROR, "it failed"), {}

    def _loop(
        self, node: ir.LoopNode, path: str, visible: Mapping[str, Json], items: Mapping[str, Json]
    ) -> tuple[NodeFate, Mapping[str, Json]]:
        ran: dict[str, GraphFate] = {}
        written: dict[str, Json] = {}
        for index in range(max(1, node.limit)):
            of = self._graph(node.body, f"{path}.{index}.", {**visible, **written}, items)
            ran[str(index)] = of
            written.update(of.written)
            if of.state is not State.COMPLETE or self.ends(f"{path}.{index}", node, {**visible, **written}):
                break
        state, why = _all_complete(ran)
        return NodeFate(node.name, "loop", state, why, ran), written

    def _joined(self, node: ir.Node, ran: Mapping[str, GraphFate]) -> tuple[NodeFate, Mapping[str, Json]]:
        """Return the outcome of a composite node whose branches ended, and what it writes of theirs (rules 4 and 8)."""
        state, why = _all_complete(ran)
        fate = NodeFate(node.name, kind(node), state, why, ran)
        scoping = run_contract.scoping(self.pipeline.dialect)
        if state is not State.COMPLETE and not scoping.keeps_failed:
            return fate, {}
        if scoping.returns and isinstance(node, ir.MapNode):
            wrote = [branch.written for branch in ran.values()]
            names = dict.fromkeys(name for one in node.body.nodes for name in _returns(one))
            return fate, {name: self._reduced(node, [of[name] for of in wrote if name in of]) for name in names}
        merged: dict[str, Json] = {}
        for branch in ran.values():
            merged.update(branch.written)
        return fate, merged

    def _reduced(self, node: ir.MapNode, values: Sequence[Json]) -> Json:
        return self.reducer(node.reducer, values) if values else ""


def _skipped(node: ir.Node) -> NodeFate:
    of = {
        name: GraphFate(State.SKIPPED, {n.name: _skipped(n) for n in branch.nodes}, {})
        for name, branch in named_branches(node).items()
    }
    return NodeFate(node.name, kind(node), State.SKIPPED, "not reached", of)


def _all_complete(ran: Mapping[str, GraphFate]) -> tuple[State, str]:
    failed = [name for name, branch in ran.items() if branch.state is not State.COMPLETE]
    if failed:
        return State.ERROR, f"failed: {', '.join(failed)}"
    return State.COMPLETE, "all branches complete" if ran else "no branch to run"


def _returns(node: ir.Node) -> Iterable[str]:
    if isinstance(node, ir.ExecutionNode) and node.step.kind is not ir.StepKind.STUB:
        return [one.name for one in node.step.returns]
    return []
