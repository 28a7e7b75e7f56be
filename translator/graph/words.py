"""Describe nodes and edges in the few words that fit into a drawing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator import ir
from translator.ir import EdgeKind, GridKind, OnError, StepKind
from translator.nodes import composite_text

if TYPE_CHECKING:
    from collections.abc import Iterator

_STEPS = {
    StepKind.COMMAND: "execution",
    StepKind.SCRIPT: "script",
    StepKind.CONDITION: "condition",
    StepKind.COLLECT: "collect",
    StepKind.PYTHON: "function",
    StepKind.SHELL: "shell",
    StepKind.NOTEBOOK: "notebook",
    StepKind.STUB: "stub",
    StepKind.DEPLOYMENT: "deployment",
}
_USUAL = (EdgeKind.ARTIFACT, EdgeKind.INPUT, EdgeKind.FILE)
"""The kinds of ports that need no word."""
SUB_GRAPH = "dag"
"""The name of the branch of a node that is a sub-graph (Magnus)."""


def kind_text(node: ir.Node) -> str:
    """Return the kind of a node, and what it does with its branches."""
    match node:
        case ir.ExecutionNode():
            return _STEPS[node.step.kind]
        case ir.TaskNode():
            return "task"
        case ir.ApprovalNode():
            return "approval"
        case ir.ParallelNode() if set(node.branches) == {SUB_GRAPH}:
            return "sub-graph"
        case _:
            return composite_text(node) or ""


def branch_title(node: ir.Node, name: str) -> str:
    """Return the title of a branch of a composite node."""
    match node:
        case ir.MapNode():
            return f"each {node.item}"
        case ir.LoopNode():
            return "each iteration"
        case ir.ChoiceNode():
            return f"case {name}"
        case _:
            return "" if name == SUB_GRAPH and kind_text(node) == "sub-graph" else f"branch {name}"


def notes(pipeline: ir.Pipeline, node: ir.Node) -> Iterator[str]:
    """Yield what else to know about a node: its grid, conditions, and what a failure does."""
    if isinstance(node, ir.TaskNode):
        yield _grid(pipeline, node)
    if isinstance(node, ir.StepNode) and node.step.name != node.name:
        yield f"step {node.step.name}"
    for gate in node.policy.gates:
        if gate.parameter is not None:
            yield f"if {gate.parameter} is {_boolean(gate)}"
    policy = node.policy
    if policy.on_error is not OnError.STOP_ALL:
        attempts = f", {policy.tries} attempts" if policy.on_error is OnError.RETRY else ""
        yield f"on-error: {policy.on_error}{attempts}"
    if policy.on_child_error is not None:
        yield f"on-child-error: {policy.on_child_error}"
    if policy.stop_condition is not None:
        yield f"stop-condition: {policy.stop_condition}"
    for action in policy.actions:
        conditions = f" if {' and '.join(action.conditions)}" if action.conditions else ""
        yield f"{', '.join(action.when)}{conditions}: {', '.join(action.then)}"


def condition(gate: ir.Gate) -> str:
    """Return the label of the link from a condition to a node that depends on it."""
    return f"if {_boolean(gate)}"


def carried(edge: ir.Edge) -> str | None:
    """Return what an edge carries: where it comes from and where it goes; None if it only orders the nodes."""
    if EdgeKind.DEPENDENCY in (edge.source.kind, edge.target.kind):
        return None
    source, target = _port(edge.source), _port(edge.target)
    return source if source == target else f"{source} → {target}"


def _port(port: ir.Port) -> str:
    return port.key if port.kind in _USUAL else f"{port.kind} {port.key}"


def _boolean(gate: ir.Gate) -> str:
    return "true" if gate.expected else "false"


def _grid(pipeline: ir.Pipeline, node: ir.TaskNode) -> str:
    """Describe a grid: its parameters, each with the number of its values if that is known."""
    grid = node.grid
    if grid.files is not None:
        return f"once per file of {grid.files.over}" + (f" ({grid.files.pattern})" if grid.files.pattern else "")
    if grid.distributed is not None:
        return f"{grid.distributed.members} times, as one group"
    if grid.kind is GridKind.ZIP:
        names = dict.fromkeys(name for point in grid.points for name in point)
        return f"once per set of {', '.join(names)} ({len(grid.points)})" if names else "a grid without points"
    axes = {axis.parameter: str(len(axis.values)) for axis in grid.axes}
    if grid.search is not None:
        drawn = ", ".join(dict.fromkeys((*axes, *grid.search.space)))
        return f"{grid.search.count} times" + (f", with random values of {drawn}" if drawn else "")
    for parameter in pipeline.parameters:
        for target in parameter.targets:
            if target.node == node.name and isinstance(parameter.default, tuple):
                axes[target.parameter] = str(len(parameter.default))
    for edge in pipeline.edges:
        if edge.target.node == node.name and edge.target.kind is EdgeKind.PARAMETER:
            axes[edge.target.key] = "from an edge"
    named = " by ".join(f"{name} ({values})" for name, values in axes.items())
    return f"once per {named}" if named else "once per value of its grid"
