"""Write the DAG that runs the DAG of a pipeline once per combination of values."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from translator.targets import render
from translator.targets.airflow.dag import dag_id
from translator.targets.airflow.names import MAX_ID_LENGTH
from translator.targets.airflow.settings import of_dag, of_tasks
from translator.targets.matrix import SUFFIX, TITLE, file_beside, runs_of
from translator.targets.render import call, code, keywords, line, name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from translator import ir
    from translator.ir import Value
    from translator.targets import GenerateOptions

_MARGIN = " " * 4
_SHARED = ("owner", "queue", "pool", "executor")
"""The settings of the pipeline's tasks that these tasks have, too: to whom they belong, and which workers run them."""
_IMPORTS = """\
from airflow.sdk import DAG, TriggerRule
from airflow_plugin import RunSensor, StartRunOperator, SummaryOperator
"""


def matrix_source(
    pipeline: ir.Pipeline, options: GenerateOptions, file: str, points: Sequence[Mapping[str, Value]]
) -> tuple[str, str]:
    """Return the name and the text of the file of the DAG.

    Args:
        pipeline: the pipeline.
        options: the context of the file.
        file: the name of the file of the pipeline's own DAG.
        points: the values of each run.
    """
    beside = file_beside(file, "")
    return beside, render.source(_lines(pipeline, options, points), beside)


def _lines(pipeline: ir.Pipeline, options: GenerateOptions, points: Sequence[Mapping[str, Value]]) -> Iterator[str]:
    own = options.name or dag_id(pipeline)
    identifier = f"{own[: MAX_ID_LENGTH - len(SUFFIX)]}{SUFFIX}"
    title = options.pipeline or pipeline.title
    yield render.marker(options.source or pipeline.file, f"{title} (matrix)", pipeline.configuration)
    yield _IMPORTS.removesuffix("\n")
    yield ""
    yield line("DAG_ID = ", own)
    yield line("RUNS = ", runs_of(points))
    yield from ("", "with DAG(")
    settings = of_dag(pipeline)
    of_pipeline = of_tasks(pipeline)
    shared_settings = {key: of_pipeline[key] for key in _SHARED if key in of_pipeline}
    store = {"store": pipeline.store, "store_connection": settings.get("store_connection")}
    tags = list(dict.fromkeys([pipeline.dialect, *cast("tuple[str, ...]", settings.get("tags", ()))]))
    arguments = {
        "dag_id": identifier,
        "dag_display_name": f"{title} (matrix)",
        "doc_md": TITLE.format(pipeline=code(title)),
        "schedule": None,
        "default_args": {
            "retries": 0,
            **shared_settings,
            **{key: value for key, value in store.items() if value is not None},
        },
        "tags": tags,
    }
    yield from keywords(arguments.items(), _MARGIN)
    yield "):"
    shared = {"map_index_template": "{{ task.label }}", "trigger_dag_id": name("DAG_ID")}
    yield f"{_MARGIN}start = StartRunOperator.partial("
    yield from keywords({"task_id": "start", **shared}.items(), _MARGIN * 2)
    yield f"{_MARGIN}).expand(conf=RUNS)"
    yield f"{_MARGIN}# Occupies no worker between two looks."
    yield f"{_MARGIN}wait = RunSensor.partial("
    yield from keywords({"task_id": "wait", "start": "start", **shared}.items(), _MARGIN * 2)
    yield f"{_MARGIN}).expand(conf=RUNS)"
    yield f"{_MARGIN}# Runs last, whatever happened: fails if a run is not complete."
    summary = call(
        "SummaryOperator",
        task_id="summary",
        trigger_dag_id=name("DAG_ID"),
        start="start",
        runs=name("RUNS"),
        trigger_rule=name("TriggerRule.ALL_DONE"),
    )
    yield line(f"{_MARGIN}summary = ", summary)
    yield ""
    yield f"{_MARGIN}start >> wait >> summary"
