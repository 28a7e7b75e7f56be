"""Find the earlier run that provides what a part of a pipeline takes from nodes that are left out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from translator.ir import EdgeKind
from translator.launch_inputs import key
from translator.nodes import allows_failure

if TYPE_CHECKING:
    from collections.abc import Collection

    from translator.diagnostics import Diagnostics
    from translator.ir import Edge, Pipeline
    from translator.shim.outcome.earlier_run import EarlierRun
    from translator.shim.store import Store

CODE = "no-earlier-run"


def needed_edges(pipeline: Pipeline, values: Collection[str]) -> list[Edge]:
    """Return the edges for which a run needs an earlier one: those from left-out nodes, except into given inputs.

    Args:
        pipeline: a pipeline, whole or in part.
        values: the names of what the run is given, as an engine's form has them.
    """
    earlier = {node.name for node in pipeline.earlier}
    return [
        edge
        for edge in pipeline.incoming
        if edge.source.node in earlier
        and not (edge.target.kind is EdgeKind.INPUT and key(edge.target.node, edge.target.key) in values)
    ]


def with_earlier_run(
    pipeline: Pipeline, values: Collection[str], store: Store, diagnostics: Diagnostics
) -> tuple[Pipeline, EarlierRun | None]:
    """Return the pipeline with the name of the earlier run that it uses, and that run; None if it needs none.

    Args:
        pipeline: a pipeline, whole or in part.
        values: the names of what the run is given.
        store: the artifact store.
        diagnostics: receives what the earlier run lacks.

    Raises:
        HistoryError: there is no run of the name that the options give, or several have it.
        StoreError: the store cannot be read.
    """
    from translator.history.runs import find
    from translator.shim.contract import LATEST, After
    from translator.shim.outcome import earlier_run

    if pipeline.part is None:
        return pipeline, None
    needed, wanted = needed_edges(pipeline, values), pipeline.part.run
    name = LATEST if wanted in {None, LATEST} else find(store, str(wanted), pipeline.name).name
    if not (needed or pipeline.part.after):
        return pipeline, None
    problems: dict[str, None] = {}
    hint = "or give these files with --input"
    try:
        run = earlier_run.find(store, pipeline.name, name)
        if pipeline.part.after:
            run.scope([After(node, outcome.value) for node, outcome in pipeline.part.after])
    except earlier_run.EarlierRunError as error:
        if needed:
            diagnostics.error(CODE, str(error), needed[0].source.span or needed[0].span, hint=hint)
        else:
            diagnostics.error(CODE, str(error), pipeline.nodes[0].span)
        return pipeline, None
    tolerated = {node.name for node in pipeline.earlier if allows_failure(node)}
    for edge in needed:
        try:
            run.executions(edge.source.node, may_fail=edge.source.node in tolerated)
        except earlier_run.EarlierRunError as error:
            if str(error) not in problems:
                diagnostics.error(CODE, str(error), edge.source.span or edge.span, hint=hint)
            problems[str(error)] = None
    return replace(pipeline, part=replace(pipeline.part, run=run.name)), run
