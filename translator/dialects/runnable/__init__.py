"""Read runnable 0.50, the successor of Magnus: implicit ends, ``returns``, conditional steps and loops.

The authority is the engine itself, ``runnable==0.50.0``; what it rejects is rejected, and what it would crash on is
said (docs/magnus.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator.dialects.controlflow.detect import dialect

if TYPE_CHECKING:
    from translator.diagnostics import Diagnostics
    from translator.dialects import Source
    from translator.ir import Pipeline


def read(source: Source, diagnostics: Diagnostics) -> tuple[Pipeline, ...]:
    """Read the pipeline of a file.

    Args:
        source: a file of this language; its ``others`` receive the texts of files that it includes.
        diagnostics: receives everything that is wrong or has no effect.

    Returns:
        The pipeline, if there is something to check: one that has errors is not whole.
    """
    from translator.dialects.controlflow.language import RUNNABLE
    from translator.dialects.controlflow.reader import read_pipelines

    return read_pipelines(source, RUNNABLE, diagnostics)


DIALECT = dialect("runnable", "runnable", read)
