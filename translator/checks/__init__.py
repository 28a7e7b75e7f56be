"""Find mistakes in a pipeline before a run, on the IR, for every dialect."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from translator.checks import (
    actions,
    commands,
    environment,
    graph,
    grids,
    names,
    parameters,
    ports,
    project_files,
    secrets,
    values,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from translator.diagnostics import Diagnostics, SourceText
    from translator.ir import Pipeline


def check(  # noqa: PLR0913 - all but the first are keywords
    pipeline: Pipeline,
    diagnostics: Diagnostics,
    *,
    project: Path | None = None,
    whole: bool = True,
    questions: Iterator[int] | None = None,
    sources: Mapping[str, SourceText] = MappingProxyType({}),
) -> None:
    """Check a pipeline and report everything at once.

    Args:
        pipeline: the pipeline; its edges and targets may name nodes, inputs and parameters that do not exist.
        diagnostics: receives what is found.
        project: the directory with the files that steps run; None skips the checks of files.
        whole: whether the dialect could read every node and edge; if not, drop findings that a missing one explains.
        questions: how often a shell may still check a command, for all pipelines of a file together.
        sources: the texts by ``Span.file``, to find places in commands.
    """
    names.check(pipeline, diagnostics)
    graph.check(pipeline, diagnostics, whole=whole)
    ports.check(pipeline, diagnostics, whole=whole)
    environment.check(pipeline, diagnostics)
    parameters.check(pipeline, diagnostics)
    actions.check(pipeline, diagnostics)
    grids.check(pipeline, diagnostics)
    values.check(pipeline, diagnostics)
    secrets.check(pipeline, diagnostics)
    commands.check(pipeline, diagnostics, questions=questions)
    if project is not None:
        project_files.check(pipeline, diagnostics, project=project, sources=sources)
    if pipeline.graph.start is not None:
        from translator.checks import controlflow

        controlflow.check(pipeline, diagnostics, project=project)
