"""Routed pipelines by hand: a graph is ``{node: (step or branches, where it goes if complete, where if in error)}``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from translator import ir
from translator.span import Span

SPAN = Span("routed.yaml", 1, 1, 1, 1)
ENDS = {"success": ir.End(ir.Outcome.COMPLETE), "fail": ir.End(ir.Outcome.ERROR)}


def pipeline(graph: ir.Graph, dialect: str = "magnus", **parameters: Any) -> ir.Pipeline:
    given = tuple(ir.PipelineParameter(name, SPAN, default) for name, default in parameters.items())
    return ir.Pipeline("routed", dialect, "routed.yaml", graph, SPAN, given)


def graph(nodes: Mapping[str, Any], start: str | None = None) -> ir.Graph:
    """``nodes``: by name what it is, or that with ``next`` and ``on_failure``; without ``next`` the following one."""
    names = list(nodes)
    made = []
    for place, (name, given) in enumerate(nodes.items()):
        what, after, instead = given if isinstance(given, tuple) else (given, None, None)
        after = after or (names[place + 1] if place + 1 < len(names) else "success")
        routes = (
            ir.Route(ir.Outcome.COMPLETE, ENDS.get(after, after)),
            ir.Route(ir.Outcome.ERROR, ENDS.get(instead or "fail", instead or "fail")),
        )
        made.append(_node(name, what, ir.Policy(routes=routes)))
    return ir.Graph(tuple(made), start=start or names[0])


def mapped(body: ir.Graph, over: str, item: str, reducer: str | None = None) -> Any:
    return lambda name, policy: ir.MapNode(name, SPAN, body, over, item, policy, reducer)


def loop(body: ir.Graph, until: str, limit: int, index: str | None = None) -> Any:
    return lambda name, policy: ir.LoopNode(name, SPAN, body, until, limit, policy, index)


def choice(on: str, **cases: ir.Graph) -> Any:
    return lambda name, policy: ir.ChoiceNode(name, SPAN, on, cases, policy)


def _node(name: str, what: Any, policy: ir.Policy) -> ir.Node:
    if isinstance(what, str):
        kind = ir.StepKind.SHELL if what else ir.StepKind.STUB
        return ir.ExecutionNode(name, SPAN, ir.Step(name, SPAN, (what,) if what else (), kind=kind), policy)
    if isinstance(what, Mapping):
        return ir.ParallelNode(name, SPAN, what, policy)
    return what(name, policy)
