"""Build small pipelines in the IR, for tests of the rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator import ir
from translator.ir import EdgeKind, OnChildError, OnError
from translator.span import Span

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HERE = Span("test.yaml", 1, 1, 1, 1)


def policy(text: str) -> ir.Policy:
    """Parse ``on-error[/on-child-error]``; retry has three tries."""
    on_error, _, child = text.partition("/")
    tries = 3 if on_error == "retry" else 1
    return ir.Policy(OnError(on_error), OnChildError(child) if child else None, tries)


def node(
    name: str,
    rule: str = "stop-all",
    width: int | None = None,
    *,
    parameters: Sequence[ir.Parameter] = (),
    inputs: Sequence[ir.Input] = (),
    merge: ir.MergeMode = ir.MergeMode.REPLACE,
) -> ir.StepNode:
    """Return an execution node, or with ``width`` a task node over ``x`` = 0, 1, ..."""
    x = ir.Parameter("x", HERE, ir.ParameterType.INTEGER, 0)
    step = ir.Step(name, HERE, ("run",), parameters=(x, *parameters), inputs=tuple(inputs))
    if width is None:
        return ir.ExecutionNode(name, HERE, step, policy(rule), merge)
    axes = (ir.Axis("x", tuple(range(width)), HERE),)
    return ir.TaskNode(name, HERE, step, ir.Grid(axes=axes), policy(rule), merge)


def edge(text: str) -> ir.Edge:
    """Parse ``a -> b`` for order, or ``a.output.*.txt -> b.input.data``."""
    ends = []
    for end in text.split(" -> "):
        name, kind, key = end.split(".", 2) if "." in end else (end, "dependency", "*")
        ends.append(ir.Port(name, EdgeKind(kind), key))
    return ir.Edge(ends[0], ends[1], HERE)


def pipeline(
    nodes: Sequence[ir.StepNode],
    edges: Sequence[str] = (),
    parameters: Mapping[str, tuple[ir.Value, str]] | None = None,
) -> ir.Pipeline:
    """Return a pipeline; ``parameters`` are by name a default and a ``node.parameter``."""
    given = [
        ir.PipelineParameter(name, HERE, default, (ir.ParameterTarget(*target.split(".")),))
        for name, (default, target) in (parameters or {}).items()
    ]
    graph = ir.Graph(tuple(nodes), tuple(edge(text) for text in edges))
    return ir.Pipeline("test", "valohai", "test.yaml", graph, HERE, tuple(given))
