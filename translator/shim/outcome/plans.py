"""Describe the parts of a pipeline that decide outcomes: its nodes, and their order.

Nodes of a dataflow graph name those with an edge to them (``upstream``). Nodes of a control-flow graph
name the outcomes that lead to them (``after``), and a graph those that end it as complete (``complete_after``). Every
other outcome without a route ends a graph in error, unless the graph names those that do (``error_after``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from translator.shim.contract import After

OnError: TypeAlias = Literal["stop-all", "stop-next", "continue", "retry"]
OnChildError: TypeAlias = Literal["continue-and-complete", "continue-and-error", "stop-all-and-error"]

BODY = "*"
"""The branch of a map or of a loop in its plan; in a run there is one per item or iteration, named by its index."""


@dataclass(frozen=True, slots=True)
class NodePlan:
    """A node with executions, with the rules for its state.

    ``upstream`` are the names of the nodes with an edge to it; ``after`` are the outcomes of nodes of the same
    control-flow graph that lead to it.
    """

    name: str
    kind: Literal["execution", "task"] = "execution"
    on_error: OnError = "stop-all"
    on_child_error: OnChildError | None = None
    upstream: Sequence[str] = ()
    after: Sequence[After] = ()


@dataclass(frozen=True, slots=True)
class CompositePlan:
    """A node with branches, by name; a map and a loop have the one branch ``BODY``."""

    name: str
    kind: Literal["parallel", "map", "loop", "choice"]
    branches: Mapping[str, GraphPlan] = field(default_factory=dict)
    after: Sequence[After] = ()


@dataclass(frozen=True, slots=True)
class GraphPlan:
    """A control-flow graph: its nodes in the order of the source file, and its ends; it starts with ``start``.

    Without ``start`` it starts with its first node. A graph without nodes is complete as soon as it begins. An engine
    that knows only the routes which a run has taken names the outcomes that have ended the graph in error
    (``error_after``). After any other outcome without a route the graph was interrupted.
    """

    nodes: Sequence[NodePlan | CompositePlan] = ()
    complete_after: Sequence[After] = ()
    start: str | None = None
    error_after: Sequence[After] | None = None
