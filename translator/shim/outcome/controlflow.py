"""Derive how a control-flow graph ended, by following its token (``translator.shim.outcome.traces``).

A token goes from a graph's start from node to node by how each ended. Where it comes to an outcome that leads to no
node, the graph has ended: complete if that is one of ``complete_after``, else in error (or interrupted, see
``error_after``). If it reaches a node that was cut off, or of which nothing is known, the graph was stopped there.
Nodes that no token came to are skipped.

A composite node's state is that of its fan-in. Each of its branches is a graph with its own token.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from translator.shim.contract import After, State
from translator.shim.outcome.plans import BODY, CompositePlan
from translator.shim.outcome.traces import LOST

if TYPE_CHECKING:
    from collections.abc import Mapping

    from translator.shim.contract import Scope
    from translator.shim.outcome.plans import GraphPlan, NodePlan
    from translator.shim.outcome.traces import Trace


@dataclass(frozen=True, slots=True)
class GraphRecord:
    """The end of a graph: its state, its nodes in ``run.json``, and the scope of its last node."""

    state: State
    nodes: Mapping[str, Any]
    scope: Scope | None


def follow(graph: GraphPlan, traces: Mapping[str, Trace]) -> GraphRecord:
    """Return the outcome of a run's outermost graph.

    Args:
        graph: the graph.
        traces: by path the states of the nodes that the engine knows.
    """
    return _Follower(traces).graph(graph, "", entered=True)


def catalog(scope: Scope | None) -> list[dict[str, object]]:
    """Return the entry of a catalog's files in ``run.json``."""
    files = sorted(scope.catalog.values(), key=lambda file: file.path) if scope is not None else []
    return [file.document() for file in files]


class _Follower:
    def __init__(self, traces: Mapping[str, Trace]) -> None:
        self._found = traces
        begun = [path for path, trace in traces.items() if trace.state is not State.SKIPPED]
        self._indexes: dict[str, int] = {}
        self._above: set[str] = set()
        for path in begun:
            parts = path.split(".")
            for place, part in enumerate(parts):
                self._above.add(".".join(parts[:place]))
                if part.isdecimal():
                    prefix = ".".join(parts[:place])
                    self._indexes[prefix] = max(self._indexes.get(prefix, 0), int(part) + 1)

    def graph(self, graph: GraphPlan, prefix: str, *, entered: bool) -> GraphRecord:
        """Return the outcome of a graph with this path prefix; ``entered`` is whether the token reached it."""
        plans = {node.name: node for node in graph.nodes}
        leads = {after: node.name for node in graph.nodes for after in node.after}
        here = (graph.start or next(iter(plans), None)) if entered else None
        state = State.SKIPPED if not entered else State.COMPLETE
        nodes: dict[str, Any] = {}
        scope = None
        while here is not None:
            nodes[here], node_outcome = self._node(plans[here], prefix + here)
            scope = node_outcome or scope
            of_node = State(nodes[here]["state"])
            if of_node not in {State.COMPLETE, State.ERROR}:
                state, here = State.STOPPED, None
                continue
            outcome = After(here, "complete" if of_node is State.COMPLETE else "error")
            here = leads.get(outcome)
            if here is None:
                state = _end(graph, outcome)
        for name, plan in plans.items():
            nodes.setdefault(name, self._skipped(plan, prefix + name))
        return GraphRecord(state, {name: nodes[name] for name in plans}, scope)

    def _node(self, plan: NodePlan | CompositePlan, path: str) -> tuple[dict[str, Any], Scope | None]:
        """Return the outcome of a node that the token reached."""
        trace = self._found.get(path)
        state = trace.state if trace is not None else State.STOPPED
        scope = trace.manifest.scope if trace is not None and trace.manifest is not None else None
        if isinstance(plan, CompositePlan):
            reason = trace.reason if trace is not None else LOST
            return self._composite(plan, path, state, reason if state is State.ERROR else None), scope
        executions = [trace.document()] if trace is not None and trace.begun else []
        return {"kind": plan.kind, "state": state.value, "executions": executions}, scope

    def _skipped(self, plan: NodePlan | CompositePlan, path: str) -> dict[str, Any]:
        """Return the outcome of a node that the token never reached, including any executions that exist."""
        if isinstance(plan, CompositePlan):
            return self._composite(plan, path, State.SKIPPED, None)
        trace = self._found.get(path)
        executions = [trace.document()] if trace is not None and trace.begun else []
        return {"kind": plan.kind, "state": State.SKIPPED.value, "executions": executions}

    def _composite(self, plan: CompositePlan, path: str, state: State, reason: str | None) -> dict[str, Any]:
        branches: dict[str, GraphPlan] = dict(plan.branches)
        if plan.kind in {"map", "loop"}:
            branches = {str(index): plan.branches[BODY] for index in range(self._indexes.get(path, 0))}
        reached = state is not State.SKIPPED
        # A chosen branch has nodes with manifests, or nodes that the engine knows.
        taken = {name for name in branches if plan.kind != "choice" or f"{path}.{name}" in self._above}
        records = {
            name: self.graph(graph, f"{path}.{name}.", entered=reached and name in taken)
            for name, graph in branches.items()
        }
        trace = self._found.get(path)
        by_person = {"marked": "success"} if trace is not None and trace.marked and state is trace.state else {}
        return {
            "kind": plan.kind,
            "state": state.value,
            **by_person,
            "branches": {name: {"state": of.state.value, "nodes": of.nodes} for name, of in records.items()},
            "reason": reason,
        }


def _end(graph: GraphPlan, outcome: After) -> State:
    """Return the state of a graph whose token came to an outcome without a route."""
    if outcome in graph.complete_after:
        return State.COMPLETE
    return State.ERROR if graph.error_after is None or outcome in graph.error_after else State.STOPPED
