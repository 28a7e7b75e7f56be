"""Choose the part of a pipeline that runs: ``--from NODE``, ``--to NODE``, ``--step NODE``.

``--from`` keeps a node and all nodes downstream of it, ``--to`` a node and all nodes upstream of
it, and both together the nodes between them. ``--step`` keeps the named nodes alone. What they take from nodes that are
left out comes from an earlier run (``translator.shim.outcome.earlier_run``). A part of a control-flow graph starts with
the parameters and the files that the token had there in the earlier run.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from translator import ir
from translator.dialects.choices import ChoiceError
from translator.graphs import reachable
from translator.names import did_you_mean, enumeration
from translator.nodes import reached_nodes, routes, walk
from translator.shim.contract import LATEST

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from translator.dialects.choices import Choices


def chosen_pipeline(pipelines: Sequence[ir.Pipeline], names: Sequence[str], choices: Choices) -> str:
    """Return the name of the pipeline whose part is chosen.

    Args:
        pipelines: those that could be read.
        names: the names of all pipelines of the file.
        choices: the options of the command line.

    Raises:
        ChoiceError: no pipeline has these nodes, or several have.
    """
    if choices.pipeline is not None:
        return choices.pipeline
    if len(names) == 1:
        return names[0]
    option, wanted = _options(choices)[0]
    having = [pipeline.name for pipeline in pipelines if wanted in {node.name for node in pipeline.nodes}]
    if len(having) == 1:
        return having[0]
    if not having:
        known = dict.fromkeys(node.name for pipeline in pipelines for node in pipeline.nodes)
        raise ChoiceError(f"{option} {wanted}: no pipeline has a node {wanted!r}", did_you_mean(wanted, known, "nodes"))
    listed = "\n".join(f"  {name!r}" for name in having)
    raise ChoiceError(
        f"{option} {wanted}: several pipelines have this node; choose one with --pipeline NAME:\n{listed}"
    )


def part_of(pipeline: ir.Pipeline, choices: Choices) -> ir.Pipeline:
    """Return the part of a pipeline that is chosen.

    Args:
        pipeline: the whole pipeline.
        choices: the options of the command line; at least one of them chooses nodes.

    Raises:
        ChoiceError: the pipeline has no such node, or no node is between the two that are named.
    """
    known = [node.name for node in pipeline.nodes]
    for option, name in _options(choices):
        if name not in known:
            message = f"{option} {name}: the pipeline {pipeline.name!r} has no node {name!r}"
            raise ChoiceError(message, _branch_hint(name, pipeline) or did_you_mean(name, known, "nodes"))
    if pipeline.graph.start is not None:
        return _part_of_controlflow(pipeline, choices)
    running = _running_nodes(pipeline, choices)
    left_out = tuple(node for node in pipeline.nodes if node.name not in running)
    if not left_out:
        return pipeline
    for node in pipeline.nodes:
        lacking = [gate.node for gate in node.policy.gates if gate.node is not None and gate.node not in running]
        if node.name in running and lacking:
            message = f"{node.name!r} depends on the condition {lacking[0]!r}, which is left out"
            raise ChoiceError(message, f"choose {lacking[0]!r} as well")
    into = tuple(edge for edge in pipeline.edges if edge.target.node in running)
    others = {node.name for node in left_out}
    inside = tuple(edge for edge in into if edge.source.node not in others)
    nodes = tuple(node for node in pipeline.nodes if node.name in running)
    return replace(
        pipeline,
        graph=replace(pipeline.graph, nodes=nodes, edges=inside),
        parameters=tuple(_parameters(pipeline, running)),
        part=ir.Part(label(choices), left_out, into, _named_run(choices)),
    )


def check_run(parts: Iterable[ir.Pipeline], choices: Choices) -> None:
    """Check that an earlier run is named only for a part that takes something from it.

    Raises:
        ChoiceError: none of the parts does.
    """
    if _named_run(choices) is None or any(one.part is not None and (one.part.after or one.earlier) for one in parts):
        return
    raise ChoiceError(f"--run {choices.run}: what is chosen takes nothing from an earlier run", "leave out --run")


def _branch_hint(name: str, pipeline: ir.Pipeline) -> str | None:
    """Return a hint for a name that a node in a branch has: a part cannot begin or end there."""
    for path, _ in walk(pipeline.graph):
        if len(path) > 1 and name in (path[-1], ".".join(path)):
            return f"it is in a branch of {path[0]!r}: a part cannot begin or end there; choose {path[0]!r}"
    return None


def _part_of_controlflow(pipeline: ir.Pipeline, choices: Choices) -> ir.Pipeline:
    """Return a part of a control-flow graph: the token starts in it, and ends where it would leave it.

    Raises:
        ChoiceError: no node is between the two that are named, or the token cannot go from one node to the others.
    """
    graph = pipeline.graph
    reached = reached_nodes(graph)
    targets = {node.name: routes(node) for node in graph.nodes}
    running = _running_nodes(pipeline, choices)
    if choices.steps:
        first = [name for name in running if not any(name in targets[other] for other in running)]
        start = first[0] if len(first) == 1 else None
    else:
        start = choices.first or graph.start
    inside = {name: [one for one in targets[name] if one in running] for name in running}
    if start is None or reachable([start], inside) != running:
        raise ChoiceError(
            f"--step {' '.join(choices.steps)}: these nodes do not follow each other", "name the first only"
        )
    left_out = tuple(node for node in graph.nodes if node.name not in running)
    if not left_out:
        return pipeline
    after = tuple(
        (name, outcome)
        for name in targets
        if name not in running and name in reached
        for outcome, target in zip((ir.Outcome.COMPLETE, ir.Outcome.ERROR), targets[name], strict=True)
        if target == start
    )
    nodes = tuple(_ending(node, running) for node in graph.nodes if node.name in running)
    return replace(
        pipeline,
        graph=replace(graph, nodes=nodes, start=start),
        # The earlier run has their values.
        parameters=() if after else pipeline.parameters,
        part=ir.Part(label(choices), left_out, run=_named_run(choices), after=after),
    )


def _ending(node: ir.Node, running: frozenset[str]) -> ir.Node:
    """Return a node whose routes to nodes that are left out end the graph, with the outcome of the node."""
    kept = tuple(
        replace(route, target=ir.End(route.outcome))
        if isinstance(route.target, str) and route.target not in running
        else route
        for route in node.policy.routes
    )
    return replace(node, policy=replace(node.policy, routes=kept))


def label(choices: Choices) -> str:
    """Return which part is chosen, as the end of a title: "from train", "only train and evaluate"."""
    ends = [(word, name) for word, name in (("from", choices.first), ("to", choices.last)) if name is not None]
    if ends:
        return " ".join(f"{word} {name}" for word, name in ends)
    return f"only {enumeration(dict.fromkeys(choices.steps))}"


def _named_run(choices: Choices) -> str | None:
    """Return the name of the earlier run; None for the latest one."""
    return None if choices.run == LATEST else choices.run


def _options(choices: Choices) -> list[tuple[str, str]]:
    """Return the options that name nodes, each with its node."""
    if choices.steps:
        return [("--step", name) for name in choices.steps]
    ends = (("--from", choices.first), ("--to", choices.last))
    return [(option, name) for option, name in ends if name is not None]


def _running_nodes(pipeline: ir.Pipeline, choices: Choices) -> frozenset[str]:
    """Return the names of the nodes that run.

    Raises:
        ChoiceError: there are none.
    """
    if choices.steps:
        return frozenset(choices.steps)
    names = [node.name for node in pipeline.nodes]
    below: dict[str, list[str]] = {name: [] for name in names}
    above: dict[str, list[str]] = {name: [] for name in names}
    for before, after in _order(pipeline):
        if before in below and after in below:
            below[before].append(after)
            above[after].append(before)
    running = frozenset(names)
    if choices.first is not None:
        running &= reachable([choices.first], below)
    if choices.last is not None:
        running &= reachable([choices.last], above)
    if not running:
        message = f"--from {choices.first} --to {choices.last}: {choices.last!r} is not downstream of {choices.first!r}"
        raise ChoiceError(message, "exchange them" if choices.last in above[str(choices.first)] else None)
    return running


def _order(pipeline: ir.Pipeline) -> Iterable[tuple[str, str]]:
    """Yield pairs of nodes of which the second waits for the first."""
    yield from ((edge.source.node, edge.target.node) for edge in pipeline.edges)
    for node in pipeline.nodes if pipeline.graph.start is not None else ():
        yield from ((node.name, target) for target in routes(node) if isinstance(target, str))
    for node in pipeline.nodes:
        yield from ((gate.node, node.name) for gate in node.policy.gates if gate.node is not None)


def _parameters(pipeline: ir.Pipeline, running: frozenset[str]) -> Iterable[ir.PipelineParameter]:
    """Yield the parameters of the pipeline that set something in the nodes that run, or that set nothing anywhere."""
    gates = {node.name: {gate.parameter for gate in node.policy.gates} for node in pipeline.nodes}
    for parameter in pipeline.parameters:
        targets = tuple(target for target in parameter.targets if target.node in running)
        gated = {name for name, parameters in gates.items() if parameter.name in parameters}
        if targets or gated & running or not (parameter.targets or gated):
            yield replace(parameter, targets=targets)
