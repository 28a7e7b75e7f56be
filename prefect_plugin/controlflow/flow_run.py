"""Run a control-flow pipeline as one flow run."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

from prefect_plugin.controlflow.progress import GraphRun, Handover, Routes, current_graph, walked
from prefect_plugin.recovery import attempts
from prefect_plugin.run.conclusion import conclude
from prefect_plugin.run.flow_run import run_of
from translator.shim.controlflow import scopes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from prefect import State

    from prefect_plugin.controlflow.progress import Node, Token
    from translator.shim.contract import Dialect, Json


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
    """
    routes = Routes(dialect, scopes.refusal(dialect, parameters or {}, os.environ))
    with run_of(pipeline, project=project, store=store, store_block=store_block, parameters=parameters) as run:
        run.graph = lambda: routes.plan(nodes, interrupted=run.stop.reason is not None)
        attempts.write_attempt(
            run.store, attempts.Begun(run.pipeline, run.id, run.started, run.parameters, graph=run.graph())
        )
        graph = GraphRun(run, routes, Handover(scopes.initial(dialect, run.parameters, os.environ)))
        with walked(graph):
            yield graph.handover


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
