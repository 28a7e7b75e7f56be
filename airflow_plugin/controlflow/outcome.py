"""Write ``run.json`` of a run of a control-flow graph, from the current states of its tasks in Airflow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_plugin.run.waiting import let_killed_end
from translator.shim import complete, failed
from translator.shim.contract import State
from translator.shim.controlflow.fan import FanError
from translator.shim.outcome import run_record
from translator.shim.outcome.plans import BODY, CompositePlan, GraphPlan, NodePlan
from translator.shim.outcome.traces import EngineState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_plugin.controlflow.progress import Run
    from airflow_plugin.controlflow.structure import Graph, Node, Path
    from airflow_plugin.run.mark import Mark
    from translator.shim.contract import After, Value
    from translator.shim.outcome.run_record import RunRecord


def write(
    run: Run, *, started: str, parameters: Mapping[str, Value], marked: Mark | None, ended: State | None = None
) -> RunRecord:
    """Derive the states of a run's nodes and of the run, and write ``run.json``.

    Args:
        run: the run.
        started: when it started.
        parameters: those that it began with.
        marked: how a person marked it.
        ended: the state that Airflow gave it, if that does not follow from the states of its nodes.
    """
    run.ask_all()
    begun = list(_begun(run, run.root))
    tries = [uri for of, node in begun if (uri := of.manifest_uri(node.path)) is not None]
    folder = run.folder(tries)
    let_killed_end(run.store, run.pipeline, folder, tries)
    return run_record.finish(
        run.store,
        pipeline=run.pipeline,
        run=folder,
        engine="airflow",
        started=started,
        parameters=parameters,
        engine_states={of.name(node.path): {0: state} for of, node in begun if (state := _state(of, node)) is not None},
        marked=marked,
        ended=ended,
        graph=_plan(run.root),
    )


def _plan(graph: Graph) -> GraphPlan:
    return GraphPlan(
        nodes=[_node_plan(node) for node in graph.nodes.values()],
        complete_after=_complete_after(graph),
        start=graph.start.path[-1] if graph.start else None,
    )


def _complete_after(graph: Graph) -> list[After]:
    ends = [name for name in graph.nodes if graph.next(name, "complete") is None and graph.completes(name, "complete")]
    return [*map(complete, ends), *(failed(name) for name in graph.nodes if graph.completes(name, "error"))]


def _node_plan(node: Node) -> NodePlan | CompositePlan:
    if node.kind == "execution" or node.kind == "task":  # noqa: PLR1714 - what type checkers understand
        return NodePlan(node.path[-1], after=node.after)
    branches = {name: _plan(graph) for name, graph in node.branches.items()}
    if node.kind in ("map", "loop"):
        branches = {BODY: next(iter(branches.values()))}
    return CompositePlan(node.path[-1], node.kind, branches, node.after)


def _begun(run: Run, graph: Graph) -> Iterator[tuple[Run, Node]]:
    """Yield the nodes that have begun, each with the run as seen by the tasks for its items."""
    for node in graph.nodes.values():
        if run.state(node) is not State.SKIPPED or (
            run.manifest_uri(node.path) is not None and _reached(run, node.path)
        ):
            yield run, node
        for name, branch in node.branches.items():
            for index in run.indexes_of(node) if name == BODY else (run.index,):
                yield from _begun(run.of(index), branch)


def _state(run: Run, node: Node) -> EngineState | None:
    """Return Airflow's state of a node that has begun; None if Airflow skipped it before it began."""
    state, named = run.state(node), run.manifest_uri(node.path)
    if state is not State.SKIPPED:
        return EngineState(state, named, marked=run.is_marked(node))
    if run.was_cut(node):
        return EngineState(State.STOPPED, named)
    manifest = run.manifest(node.path)
    return EngineState(State.STOPPED, named) if manifest is None or manifest.state is State.STOPPED else None


def _reached(run: Run, path: Path) -> bool:
    """Return whether the token came to a node, as far as that is known."""
    try:
        return run.reached(path)
    except FanError:  # of a choice by a parameter that only the workers' environment has
        return False
