"""Tell the run of a pipeline that it is one of several, and which run it resumes."""

from __future__ import annotations

import contextlib
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prefect_plugin.run.run_state import Run
    from prefect_plugin.run.stopping import Stop


@dataclass(slots=True)
class MatrixRun:
    """A run among several.

    ``number`` counts from 0, ``resumes`` is the run whose complete executions it keeps. ``stop`` stops all runs.
    ``begun`` is called when the run has begun, which is ``run`` from then on.
    """

    number: int
    resumes: str | None
    stop: Stop
    begun: Callable[[MatrixRun], None]
    run: Run | None = None


_matrix_run: ContextVar[MatrixRun | None] = ContextVar("matrix_run", default=None)


def current_matrix_run() -> MatrixRun | None:
    """Return what the next run in this context is in its matrix; None if there are no others."""
    matrix_run = _matrix_run.get()
    return matrix_run if matrix_run is not None and matrix_run.run is None else None


@contextlib.contextmanager
def enter_matrix_run(matrix_run: MatrixRun) -> Iterator[None]:
    """Make the run that begins in this context one of a matrix."""
    token = _matrix_run.set(matrix_run)
    try:
        yield
    finally:
        _matrix_run.reset(token)
