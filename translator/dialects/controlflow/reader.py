"""Read the pipeline of a file into a control-flow graph."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from translator import ir
from translator.dialects.controlflow.context import Context
from translator.dialects.controlflow.detect import name_of
from translator.dialects.controlflow.graphs import read_graph

if TYPE_CHECKING:
    from translator.diagnostics import Diagnostics
    from translator.dialects import Source
    from translator.dialects.controlflow.language import Language
    from translator.source import Located


def _description(dag: Located) -> str | None:
    written = dag.get("description")
    return written.value.strip() or None if written is not None and isinstance(written.value, str) else None


def read_pipelines(source: Source, language: Language, diagnostics: Diagnostics) -> tuple[ir.Pipeline, ...]:
    """Read the one pipeline of a file; see ``translator.dialects.Dialect``."""
    root = source.root
    if root is None:
        return ()
    dag = root.get("dag")
    if dag is None:
        message = f"not a {language.title} pipeline: the file has no 'dag'"
        diagnostics.error("missing-key", message, root.span)
        return ()
    name = name_of(source.name)
    about = diagnostics.about(name)
    opened = (Path(source.text.path),) if source.project else ()
    graph = read_graph(dag, "the dag", Context(language, source, about, opened))
    if graph is None:
        return ()
    return (
        ir.Pipeline(
            name=name,
            dialect=language.name,
            file=source.name,
            graph=graph,
            span=root.key_span("dag"),
            parameters=source.parameters,
            description=_description(dag),
        ),
    )
