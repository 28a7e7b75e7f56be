"""Find the inputs whose files can be given when a run starts, and name them.

An input whose edges always replace its defaults (``edge-merge-mode: replace``, the default) takes nothing else, so it
cannot be given. In a part of a pipeline, files that a run is given also replace those from nodes that are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from translator import ir
from translator.nodes import step_nodes
from translator.shim.contract import INPUTS_SECTION

if TYPE_CHECKING:
    from collections.abc import Container, Iterable


@dataclass(frozen=True, slots=True)
class LaunchInput:
    """An input that a run can be given: its node, and the sources of the edges that add files to it.

    ``earlier`` are the sources that provide its files otherwise, in an earlier run.
    """

    node: str
    input: ir.Input
    sources: tuple[ir.Port, ...] = ()
    earlier: tuple[ir.Port, ...] = ()

    @property
    def name(self) -> str:
        """The name that people write: ``NODE.INPUT``."""
        return f"{self.node}.{self.input.name}"

    @property
    def key(self) -> str:
        """The name in an engine's form: ``NODE.inputs.INPUT``."""
        return key(self.node, self.input.name)

    @property
    def required(self) -> bool:
        """Whether every run must be given it, because nothing else provides it."""
        return not (self.input.optional or self.input.default or self.sources or self.earlier)

    @property
    def description(self) -> str | None:
        """What a form says about it: its description, and the edges that bring files as well."""
        joined = f"Used in addition to {', '.join(map(str, self.sources))}." if self.sources else ""
        instead = f"Used instead of {', '.join(map(str, self.earlier))} of the earlier run." if self.earlier else ""
        return " ".join(filter(None, ((self.input.description or "").rstrip(), joined, instead))) or None


def key(node: str, name: str) -> str:
    """Return the name under which an engine's form has an input: ``NODE.inputs.NAME``."""
    return f"{node}.{INPUTS_SECTION}.{name}"


def launch_inputs(node: ir.StepNode, edges: Iterable[ir.Edge], earlier: Container[str] = ()) -> tuple[LaunchInput, ...]:
    """Return the inputs of a node that can be given when a run starts.

    Args:
        node: the node.
        edges: the edges that end in it.
        earlier: the names of nodes that are left out, whose files come from an earlier run.
    """
    if node.step.kind is not ir.StepKind.COMMAND:
        return ()
    sources: dict[str, list[ir.Port]] = {}
    sources_earlier: dict[str, list[ir.Port]] = {}
    for edge in edges:
        if edge.target.kind is ir.EdgeKind.INPUT:
            among = sources_earlier if edge.source.node in earlier else sources
            among.setdefault(edge.target.key, []).append(edge.source)
    return tuple(
        LaunchInput(node.name, item, tuple(sources.get(item.name, ())), tuple(sources_earlier.get(item.name, ())))
        for item in node.step.inputs
        if item.name not in sources or node.merge_mode is ir.MergeMode.APPEND
    )


def all_launch_inputs(pipeline: ir.Pipeline) -> tuple[LaunchInput, ...]:
    """Return the inputs of a pipeline that can be given when a run starts, in the order of the file."""
    edges: dict[str, list[ir.Edge]] = {}
    for edge in pipeline.incoming:
        edges.setdefault(edge.target.node, []).append(edge)
    earlier = {node.name for node in pipeline.earlier}
    return tuple(
        item
        for node in step_nodes(pipeline).values()
        for item in launch_inputs(node, edges.get(node.name, ()), earlier)
    )


def required(pipeline: ir.Pipeline) -> tuple[LaunchInput, ...]:
    """Return the inputs that every run must be given."""
    return tuple(item for item in all_launch_inputs(pipeline) if item.required)
