"""Find the inputs whose files can be given when a run starts, and name them.

An input whose edges always replace its defaults (``edge-merge-mode: replace``, the default) takes nothing else, so it
cannot be given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from translator import ir
from translator.nodes import step_nodes
from translator.shim.contract import INPUTS_SECTION

if TYPE_CHECKING:
    from collections.abc import Iterable


def key(node: str, name: str) -> str:
    """Return the name under which an engine's form has an input: ``NODE.inputs.NAME``."""
    return f"{node}.{INPUTS_SECTION}.{name}"


def launch_inputs(node: ir.StepNode, edges: Iterable[ir.Edge]) -> tuple[ir.Input, ...]:
    """Return the inputs of a node that can be given when a run starts.

    Args:
        node: the node.
        edges: the edges of its pipeline, or those that end in the node.
    """
    if node.step.kind is not ir.StepKind.COMMAND:
        return ()
    fed = fed_inputs(node, edges)
    return tuple(item for item in node.step.inputs if item.name not in fed or node.merge_mode is ir.MergeMode.APPEND)


def fed_inputs(node: ir.StepNode, edges: Iterable[ir.Edge]) -> set[str]:
    """Return the inputs of a node that edges end in."""
    return {
        edge.target.key for edge in edges if edge.target.node == node.name and edge.target.kind is ir.EdgeKind.INPUT
    }


def is_required(node: ir.StepNode, item: ir.Input, edges: Iterable[ir.Edge]) -> bool:
    """Return whether a run must give an input, because nothing else provides it."""
    return not (item.optional or item.default or item.name in fed_inputs(node, edges))


def description(item: ir.Input, edges: Iterable[ir.Edge], hint: str = "") -> str | None:
    """Return what a form says about an input: its description, ``hint``, and the edges that bring files as well.

    Args:
        item: the input.
        edges: the edges that end in its node.
        hint: how to write its files in this form.
    """
    sources = [
        str(edge.source) for edge in edges if (edge.target.kind, edge.target.key) == (ir.EdgeKind.INPUT, item.name)
    ]
    joined = f"Used in addition to {', '.join(sources)}." if sources else ""
    return " ".join(filter(None, ((item.description or "").rstrip(), hint, joined))) or None


@dataclass(frozen=True, slots=True)
class LaunchInput:
    """An input that a run can be given: its node, and the name that forms have for it."""

    node: str
    input: ir.Input

    @property
    def name(self) -> str:
        """The name that people write: ``NODE.INPUT``."""
        return f"{self.node}.{self.input.name}"

    @property
    def key(self) -> str:
        """The name in an engine's form: ``NODE.inputs.INPUT``."""
        return key(self.node, self.input.name)


def all_launch_inputs(pipeline: ir.Pipeline) -> tuple[LaunchInput, ...]:
    """Return the inputs of a pipeline that can be given when a run starts, in the order of the file."""
    return tuple(
        LaunchInput(node.name, item)
        for node in step_nodes(pipeline).values()
        for item in launch_inputs(node, pipeline.edges)
    )


def required(pipeline: ir.Pipeline) -> tuple[LaunchInput, ...]:
    """Return the inputs that every run must be given."""
    nodes = step_nodes(pipeline)
    return tuple(one for one in all_launch_inputs(pipeline) if is_required(nodes[one.node], one.input, pipeline.edges))
