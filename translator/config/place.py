"""Apply a configuration to a pipeline: each node gets its settings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from translator import ir
from translator.config.resolve import below, nested, resolve
from translator.nodes import branches

if TYPE_CHECKING:
    from collections.abc import Mapping

    from translator.config.keys import TargetKeys
    from translator.config.levels import Config, Settings
    from translator.config.resolve import Resolved


def placed(pipeline: ir.Pipeline, config: Config, targets: Mapping[str, TargetKeys]) -> ir.Pipeline:
    """Return a pipeline with the settings that count for it.

    Args:
        pipeline: the pipeline as its file has it.
        config: the configuration.
        targets: by name, the keys of the installed targets.
    """
    resolved = resolve(config, pipeline)
    workflow = {name: nested(below(resolved.pipeline, name, keys.named)) for name, keys in targets.items()}
    shared = {name: _of_tasks(resolved.pipeline, name, keys) for name, keys in targets.items()}
    return replace(
        pipeline,
        graph=_graph(pipeline.graph, (), resolved, targets),
        settings={name: values for name, values in shared.items() if values},
        workflow={name: values for name, values in workflow.items() if values},
    )


def _of_tasks(settings: Settings, target: str, keys: TargetKeys) -> Mapping[str, ir.Json]:
    """Return the arguments of tasks among the settings for a target."""
    return nested((path, one) for path, one in below(settings, target) if path[0] != keys.named)


def _graph(graph: ir.Graph, above: tuple[str, ...], resolved: Resolved, targets: Mapping[str, TargetKeys]) -> ir.Graph:
    """Return a graph whose nodes have their settings."""
    nodes: list[ir.Node] = []
    for node in graph.nodes:
        path = (*above, node.name)
        if isinstance(node, ir.StepNode):
            nodes.append(_node(node, resolved.nodes[path], resolved, targets))
            continue
        inner = {name: _graph(branch, (*path, name), resolved, targets) for name, branch in branches(node).items()}
        nodes.append(_with_branches(node, inner))
    return replace(graph, nodes=tuple(nodes))


def _with_branches(node: Any, inner: Mapping[str, ir.Graph]) -> ir.Node:
    """Return a composite node with other branches."""
    match node:
        case ir.ParallelNode():
            return replace(node, branches=inner)
        case ir.ChoiceNode():
            return replace(node, cases=inner)
        case ir.MapNode() | ir.LoopNode():
            (body,) = inner.values()
            return replace(node, body=body)
        case _:
            return node  # type: ignore[no-any-return]  # a node without branches


def _node(node: ir.StepNode, settings: Settings, resolved: Resolved, targets: Mapping[str, TargetKeys]) -> ir.StepNode:
    """Return a node with the settings that differ from the pipeline's."""
    own = {}
    for name, keys in targets.items():
        shared = _of_tasks(resolved.pipeline, name, keys)
        values = {key: value for key, value in _of_tasks(settings, name, keys).items() if shared.get(key) != value}
        if values:
            own[name] = values
    return replace(node, settings=own)
