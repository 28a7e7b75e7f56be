"""Read from the record of a run with which values of the pipeline's own parameters it was started."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from translator.history.runs import Run
    from translator.ir import Pipeline


def arguments_of(run: Run, pipeline: Pipeline, known: Collection[str]) -> list[str]:
    """Return the pipeline's own parameters in an earlier run, as ``--param`` would have them.

    Args:
        run: the earlier run.
        pipeline: the pipeline as it is now.
        known: names of parameters that have a value already.
    """
    recorded = run.record.get("parameters")
    wanted = [parameter.name for parameter in pipeline.parameters if parameter.name not in known]
    if not isinstance(recorded, dict):
        return []
    return [as_argument(name, recorded[name]) for name in wanted if recorded.get(name) is not None]


def as_argument(name: str, value: object) -> str:
    """Return the value of a parameter as ``--param`` would have it."""
    return f"{name}={value if isinstance(value, str) else json.dumps(value)}"
