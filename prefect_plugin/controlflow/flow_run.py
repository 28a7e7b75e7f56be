"""Run a control-flow pipeline as one flow run."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any, Literal

from prefect_plugin.controlflow.progress import GraphRun, Handover, Routes, current_graph, walked
from prefect_plugin.recovery import attempts
from prefect_plugin.run.conclusion import conclude
from prefect_plugin.run.flow_run import run_of
from translator.shim.contract import LATEST, After
from translator.shim.controlflow import scopes
from translator.shim.outcome import earlier_run as earlier_runs
from translator.shim.store import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from prefect import State

    from prefect_plugin.controlflow.progress import Node, Token
    from prefect_plugin.run.run_state import Run
    from translator.shim.contract import Dialect, Json, Scope


@contextlib.contextmanager
def run_of_graph(  # noqa: PLR0913 - all but the name are keywords
    pipeline: str,
    *,
    dialect: Dialect,
    project: Path,
    nodes: Sequence[Node],
    store: str | None = None,
    store_block: str | None = None,
    parameters: Mapping[str, Json] | None = None,
    starts_after: Sequence[tuple[str, Literal["complete", "error"]]] = (),
    earlier_run: str = LATEST,
) -> Iterator[Token]:
    """Make the current flow run a run of ``pipeline``; yield the token at the start of its graph.

    A cancel from the API, a signal from a worker or Ctrl-C stops the executions, and ``run.json`` is still
    written. Parameters in the environment (``MAGNUS_PRM_...``, ``RUNNABLE_PRM_...``) win over those given here.

    Args:
        pipeline: the pipeline's name, as the source file spells it.
        dialect: the source language.
        project: the directory of the source file.
        nodes: the nodes of the outermost graph, in the order of the source file.
        store: URI of the artifact store; see ``run_of``.
        store_block: name of the *Artifact Store* block with the credentials; see ``run_of``.
        parameters: the parameters of the run, by the names of the source file.
        starts_after: for a part of a pipeline, the nodes that are left out and whose outcomes lead to its start. It
            starts with the parameters and files of an earlier run, as they were there after that node.
        earlier_run: name of the earlier run in the artifact store (default: the latest one that has ended).
    """
    routes = Routes(dialect, scopes.refusal(dialect, parameters or {}, os.environ))
    with run_of(pipeline, project=project, store=store, store_block=store_block, parameters=parameters) as run:
        run.graph = lambda: routes.plan(nodes, interrupted=run.stop.reason is not None)
        attempts.write_attempt(
            run.store,
            attempts.Begun(
                run.pipeline, run.id, run.started, run.parameters, graph=run.graph(), earlier=run.earlier_tries
            ),
        )
        start = scopes.initial(dialect, run.parameters, os.environ)
        if starts_after:
            start = _resumed(start, run, routes, [After(name, outcome, earlier_run) for name, outcome in starts_after])
        graph = GraphRun(run, routes, Handover(start))
        with walked(graph):
            yield graph.handover


def _resumed(start: Scope, run: Run, routes: Routes, after: Sequence[After]) -> Scope:
    """Return the scope of an earlier run with the parameters of this one; without it, no node can run."""
    try:
        return scopes.resume(earlier_runs.scope(open_store(run.store), run.pipeline, run.id, after), start)
    except earlier_runs.EarlierRunError as error:
        routes.problem = routes.problem or str(error)
        return start


def finish_graph(token: Token) -> State[Any]:
    """Wait for the graph's end, write ``run.json``, and return the state of the flow run.

    Args:
        token: the token at the end of the outermost graph.

    Raises:
        RunFailedError: the run failed, so that Prefect's own rules (retries, automations, hooks) apply.
    """
    graph = current_graph()
    graph.ended(token)
    return conclude(graph.run)
