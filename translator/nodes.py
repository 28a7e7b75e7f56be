"""Walk the nodes of a pipeline, including those in branches, and name their kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from translator import ir
from translator.graphs import reachable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

BODY = "*"
"""The name of the body of a map or a loop in ``branches``."""
Target: TypeAlias = str | ir.End
"""Where a route leads: to a node, by name, or to an end of the graph."""
COMPLETE, ERROR = ir.End(ir.Outcome.COMPLETE), ir.End(ir.Outcome.ERROR)


def step_nodes(pipeline: ir.Pipeline) -> dict[str, ir.StepNode]:
    """Return the execution nodes and task nodes of a pipeline by name, without those in branches."""
    return {node.name: node for node in pipeline.nodes if isinstance(node, ir.StepNode)}


def reusable_nodes(pipeline: ir.Pipeline) -> dict[str, ir.StepNode]:
    """Return those of ``step_nodes`` whose results another run can use: what serves a model has no outputs."""
    return {name: node for name, node in step_nodes(pipeline).items() if node.step.kind is not ir.StepKind.DEPLOYMENT}


def allows_failure(node: ir.Node) -> bool:
    """Return whether the downstream nodes of a node run although it failed (rule 1 of ``translator.semantics``)."""
    if not isinstance(node, ir.StepNode):
        return False
    by_child_error = node.policy.on_child_error not in (None, ir.OnChildError.CONTINUE_AND_COMPLETE)
    return node.policy.on_error is ir.OnError.CONTINUE and (isinstance(node, ir.ExecutionNode) or by_child_error)


def requires_approval(node: ir.StepNode, events: Collection[ir.Event] = tuple(ir.Event)) -> bool:
    """Return whether an action of a node requires an approval at some events, by default at any."""
    return any(
        ir.Effect.REQUIRE_APPROVAL in action.then and not set(events).isdisjoint(action.when)
        for action in node.policy.actions
    )


def branches(node: ir.Node) -> Mapping[str, ir.Graph]:
    """Return the graphs in a node, by name; empty unless it is a composite node."""
    match node:
        case ir.ParallelNode():
            return node.branches
        case ir.ChoiceNode():
            return node.cases
        case ir.MapNode() | ir.LoopNode():
            return {BODY: node.body}
        case _:
            return {}


def named_branches(node: ir.Node) -> Mapping[str, ir.Graph]:
    """Return the named branches of a node; branches of maps and loops have numbers at run time."""
    return {} if isinstance(node, ir.MapNode | ir.LoopNode) else branches(node)


def walk(
    graph: ir.Graph,
    above: tuple[str, ...] = (),
    into: Callable[[ir.Node], Mapping[str, ir.Graph]] = branches,
) -> Iterator[tuple[tuple[str, ...], ir.Node]]:
    """Yield the nodes of a graph in file order, each with its path: node, branch, node, ...

    Args:
        graph: the graph.
        above: the path of the branch that the graph belongs to.
        into: returns the branches of a node to walk into; ``named_branches`` leaves out those that only a run names.
    """
    for node in graph.nodes:
        path = (*above, node.name)
        yield path, node
        for name, branch in into(node).items():
            yield from walk(branch, (*path, name), into)


def walk_steps(graph: ir.Graph) -> Iterator[tuple[tuple[str, ...], ir.StepNode]]:
    """Yield the nodes that run a step, those in branches too, each with its path."""
    return ((path, node) for path, node in walk(graph) if isinstance(node, ir.StepNode))


def routes(node: ir.Node) -> tuple[Target, Target]:
    """Return what follows a node if it is complete, and if it failed."""
    targets = {route.outcome: route.target for route in node.policy.routes}
    return targets.get(ir.Outcome.COMPLETE, COMPLETE), targets.get(ir.Outcome.ERROR, ERROR)


def reached_nodes(graph: ir.Graph) -> frozenset[str]:
    """Return the nodes that a route from the graph's start leads to."""
    return reachable([graph.start], {node.name: routes(node) for node in graph.nodes})


def composite_text(node: ir.Node) -> str | None:
    """Return what a node does with its branches, for people; None if it has none."""
    match node:
        case ir.ParallelNode():
            return "parallel"
        case ir.MapNode():
            return f"map over {node.over}"
        case ir.LoopNode():
            return f"loop until {node.until}, at most {node.limit} times"
        case ir.ChoiceNode():
            return f"choice by {node.on}"
        case _:
            return None


def kind(node: ir.Node) -> str:
    """Return the node's kind as ``run.json`` spells it."""
    match node:
        case ir.TaskNode():
            return "task"
        case ir.ParallelNode():
            return "parallel"
        case ir.MapNode():
            return "map"
        case ir.LoopNode():
            return "loop"
        case ir.ChoiceNode():
            return "choice"
        case _:
            return "execution"
