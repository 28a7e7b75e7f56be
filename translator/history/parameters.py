"""Read from the record of a run with which parameters it was started."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from translator.shim.json_values import frozen

if TYPE_CHECKING:
    from translator.history.runs import Run
    from translator.ir import Pipeline, Value


def parameters_of(run: Run, pipeline: Pipeline) -> dict[str, Value]:
    """Return the pipeline's own parameters in an earlier run, which the pipeline still has.

    Args:
        run: the earlier run.
        pipeline: the pipeline as it is now.
    """
    recorded = run.record.get("parameters")
    known = {parameter.name for parameter in pipeline.parameters}
    if not isinstance(recorded, dict):
        return {}
    return {name: cast("Value", frozen(value)) for name, value in recorded.items() if name in known}
