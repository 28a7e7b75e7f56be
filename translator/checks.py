"""What can be known wrong before a run, for every dialect."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from translator.diagnostics import Diagnostics
    from translator.ir import Pipeline


def check(pipeline: Pipeline, diagnostics: Diagnostics, *, project: Path | None, whole: bool) -> None:
    """Check a pipeline."""
