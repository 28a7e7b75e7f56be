"""The operator that ends a run of a control-flow graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_plugin.controlflow.graph import BODY
from airflow_plugin.controlflow.run import Run
from airflow_plugin.killed import let_killed_end
from airflow_plugin.operators.finish import FinishOperator as DataflowFinishOperator
from airflow_plugin.run_mark import marked
from translator.shim import clock, complete, failed, outcome
from translator.shim.contract import State
from translator.shim.outcome import EngineState
from translator.shim.plans import BODY as BODY_PLAN
from translator.shim.plans import CompositePlan, GraphPlan, NodePlan

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_plugin.controlflow.graph import Graph, Node
    from translator.shim.contract import After, Dialect


class FinishOperator(DataflowFinishOperator):
    """The only leaf of a DAG: writes ``run.json``; the run is complete if its graph reached its end as complete.

    Args:
        dialect: the source language; usually one of the DAG's ``default_args``.
        kwargs: of every operator.
    """

    def __init__(self, *, dialect: Dialect, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dialect = dialect

    def execute(self, context: Context) -> dict[str, str]:
        """Write the run's document; returns where it is and the run's state.

        Raises:
            AirflowFailException: the run is in error or was stopped.
        """
        run = Run(context, self.dialect)
        run.ask_all()
        known = _known(run, run.root)
        tries = [uri for of_node in known.values() if (uri := of_node[0].manifest) is not None]
        let_killed_end(run.store, run.pipeline, run.folder(tries), tries)
        record = outcome.finish(
            run.store,
            pipeline=run.pipeline,
            run=run.folder(),
            engine="airflow",
            nodes=(),
            started=clock.written(context["dag_run"].start_date or context["ti"].start_date),
            parameters=dict(context["params"]),
            known=known,
            marked=marked(context),
            graph=_plan(run.root),
        )
        return self.ended(context, record)


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
        branches = {BODY_PLAN: next(iter(branches.values()))}
    return CompositePlan(node.path[-1], node.kind, branches, node.after)


def _known(run: Run, graph: Graph) -> dict[str, dict[int, EngineState]]:
    """What Airflow knows of the nodes that the token came to."""
    found: dict[str, dict[int, EngineState]] = {}
    for node in graph.nodes.values():
        state = run.state(node)
        if state is not State.SKIPPED:
            found[run.name(node.path)] = {0: EngineState(state, run.named(node.path))}
        elif (left := run.manifest(node.path)) is not None and left.state is State.STOPPED and run.reached(node.path):
            found[run.name(node.path)] = {0: EngineState(State.STOPPED, left.uri)}
        for name, branch in node.branches.items():
            for index in run.indexes_of(node) if name == BODY else (run.index,):
                found |= _known(run.of(index), branch)
    return found
