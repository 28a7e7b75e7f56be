"""runnable 0.50, which Magnus became: implicit ends, ``returns``, conditional steps and loops.

The authority is the engine itself, ``runnable==0.50.0``; what it refuses is refused, and what it would end half-way is
said (docs/magnus.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator.dialects.controlflow.detect import RULES, is_pipeline, language_of, pipeline_names

if TYPE_CHECKING:
    from translator.diagnostics import Diagnostics
    from translator.ir import Pipeline
    from translator.source import Located, Source

__all__ = ["NAME", "RULES", "detect", "pipeline_names", "read"]

NAME = "runnable"


def detect(document: Located) -> bool:
    """Whether the file has a ``dag`` in this language."""
    return is_pipeline(document) and language_of(document) == NAME


def read(source: Source, diagnostics: Diagnostics) -> tuple[Pipeline, ...]:
    """Read the pipeline of a file.

    Args:
        source: a file whose document ``detect`` knows; its ``others`` receive the texts of files that it includes.
        diagnostics: receives everything that is wrong or has no effect.

    Returns:
        The pipeline, if there is something to check: one that has errors is not whole.
    """
    from translator.dialects.controlflow.language import RUNNABLE
    from translator.dialects.controlflow.reader import read_pipelines

    return read_pipelines(source, RUNNABLE, diagnostics)
