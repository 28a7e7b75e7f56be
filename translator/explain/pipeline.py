"""Explain a pipeline of either kind of graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from translator.diagnostics import Diagnostics
    from translator.explain.result import Explanation
    from translator.explain.runtime_values import Assumptions
    from translator.ir import Pipeline, Value


def explain(
    pipeline: Pipeline,
    failures: Sequence[str],
    values: Mapping[str, Value],
    known: Assumptions,
    diagnostics: Diagnostics,
) -> Explanation | None:
    """Predict a run.

    Args:
        pipeline: the pipeline.
        failures: what fails; see the module of the kind of graph.
        values: the values given for the run.
        known: the results of conditions and the metadata that are known; others are assumed.
        diagnostics: receives unknown nodes; then the result is None.
    """
    if pipeline.graph.start is not None:
        from translator.explain import controlflow

        return controlflow.explain(pipeline, failures, values, diagnostics)
    from translator.explain import dataflow

    return dataflow.explain(pipeline, failures, values, diagnostics, known)
