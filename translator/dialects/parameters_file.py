"""Read ``--parameters-file``: the initial parameters of a control-flow pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator.ir import PipelineParameter
from translator.shim.json_values import frozen
from translator.source import read_file

if TYPE_CHECKING:
    from pathlib import Path

    from translator.diagnostics import Diagnostics, SourceText
    from translator.dialects import Dialect


def read_parameters(
    path: Path | None, dialect: Dialect, sources: dict[str, SourceText], diagnostics: Diagnostics
) -> tuple[PipelineParameter, ...]:
    """Read a parameters file: a flat YAML mapping with any values of JSON.

    Args:
        path: the file, if one was given.
        dialect: the dialect of the pipeline.
        sources: receives the file's text.
        diagnostics: receives what is wrong with it.
    """
    if path is None:
        return ()
    if dialect.graph != "controlflow":
        message = f"a pipeline of {dialect.name} takes no parameters file"
        diagnostics.error("no-parameters-file", message, None, hint="set values with --param")
        return ()
    root = read_file(path, sources, diagnostics)
    if root is None or root.value is None:
        return ()
    if root.entries is None:
        message = "a parameters file must be a mapping of values by name"
        diagnostics.error("bad-value", message, root.span)
        return ()
    parameters: list[PipelineParameter] = []
    for key, located in root.entries.items():
        if isinstance(key, str) and key:
            parameters.append(PipelineParameter(key, root.key_span(key), frozen(located.value)))
        else:
            message = f"the name of a parameter must be a string, not {key!r}"
            diagnostics.error("bad-name", message, root.key_span(key), hint="quote it")
    return tuple(parameters)
