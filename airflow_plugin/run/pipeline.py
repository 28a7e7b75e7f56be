"""Name the pipeline of a DAG."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.sdk import DAG


def pipeline_of(dag: DAG | Any) -> str:
    """Return the name of a DAG's pipeline, under which the store keeps its runs.

    It is the display name of the DAG, unless ``default_args`` give another: that of a DAG which runs only a part of the
    pipeline.
    """
    return str(dag.default_args.get("pipeline") or dag.dag_display_name)
