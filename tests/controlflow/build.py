"""Build control-flow pipelines from ``{node: (what it is, the next node if complete, the next node if it failed)}``.

A node is the work of a step (``T`` never fails, ``F`` always fails, ``STUB`` does nothing), a mapping of branches by
name, or the result of ``mapped``, ``loop`` or ``choice``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tests.controlflow.run import Case
from tests.controlflow.work import Work, put
from translator import ir
from translator.semantics.controlflow import StepEnding, Visit
from translator.span import Span

SPAN = Span("controlflow.yaml", 1, 1, 1, 1)
ENDS = {"success": ir.End(ir.Outcome.COMPLETE), "fail": ir.End(ir.Outcome.ERROR)}
T, F, STUB = Work(), Work(fails=True), None


@dataclass
class Making:
    """A pipeline that is being made: its dialect, and what each of its commands does."""

    dialect: str
    works: dict[tuple[str, tuple[str, ...]], Work] = field(default_factory=dict)

    def step(self, name: str, work: Work | None, items: tuple[str, ...]) -> ir.Step:
        if work is None:
            return ir.Step(name, SPAN, (), kind=ir.StepKind.STUB)
        command = (work.command(self.dialect, name, items),)
        self.works[name, command] = work
        catalog = ir.Catalog(put=(put(name),))
        returns = work.returns(self.dialect)
        return ir.Step(name, SPAN, command, kind=ir.StepKind.SHELL, catalog=catalog, returns=returns)

    def ending(self, visit: Visit) -> StepEnding:
        work = self.works.get((visit.node.name, visit.node.step.command))
        return work.ending(visit) if work else StepEnding()


Graph: TypeAlias = Callable[[Making, tuple[str, ...]], ir.Graph]
Node: TypeAlias = Callable[[Making, tuple[str, ...], str, ir.Policy], ir.Node]


def case(made: Graph, dialect: str = "magnus", name: str = "controlflow", **parameters: Any) -> Case:
    """Return the pipeline of a graph, and its outcome."""
    making = Making(dialect)
    given = tuple(ir.PipelineParameter(key, SPAN, value) for key, value in parameters.items())
    whole = ir.Pipeline(name, dialect, "controlflow.yaml", made(making, ()), SPAN, given)
    return Case(whole, making.ending, parameters)


def graph(nodes: Mapping[str, Any], start: str | None = None) -> Graph:
    """Return a graph; ``next`` defaults to the following node, ``on_failure`` to the failed end of the graph."""

    def make(making: Making, items: tuple[str, ...]) -> ir.Graph:
        names = list(nodes)
        made = []
        for place, (name, given) in enumerate(nodes.items()):
            what, after, instead = given if isinstance(given, tuple) else (given, None, None)
            after = after or (names[place + 1] if place + 1 < len(names) else "success")
            routes = (
                ir.Route(ir.Outcome.COMPLETE, ENDS.get(after, after)),
                ir.Route(ir.Outcome.ERROR, ENDS.get(instead or "fail", instead or "fail")),
            )
            made.append(_node(making, items, name, what, ir.Policy(routes=routes)))
        return ir.Graph(tuple(made), start=start or names[0])

    return make


def mapped(body: Graph, over: str, item: str, reducer: str | None = None) -> Node:
    """Return a map node."""
    return lambda making, items, name, policy: ir.MapNode(
        name, SPAN, body(making, (*items, item)), over, item, policy, reducer
    )


def loop(body: Graph, until: str, limit: int, index: str | None = None) -> Node:
    """Return a loop node."""
    return lambda making, items, name, policy: ir.LoopNode(name, SPAN, body(making, items), until, limit, policy, index)


def choice(on: str, **cases: Graph) -> Node:
    """Return a choice node."""
    return lambda making, items, name, policy: ir.ChoiceNode(
        name, SPAN, on, {key: one(making, items) for key, one in cases.items()}, policy
    )


def _node(making: Making, items: tuple[str, ...], name: str, what: Any, policy: ir.Policy) -> ir.Node:
    if what is None or isinstance(what, Work):
        return ir.ExecutionNode(name, SPAN, making.step(name, what, items), policy)
    if isinstance(what, Mapping):
        return ir.ParallelNode(name, SPAN, {key: one(making, items) for key, one in what.items()}, policy)
    made: ir.Node = what(making, items, name, policy)
    return made
