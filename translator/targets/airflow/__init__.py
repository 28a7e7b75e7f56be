"""Write Airflow DAG files: one file per pipeline, for Airflow 3.1 and newer."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from translator.targets import GenerateOptions
from translator.targets.airflow.settings import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from translator import ir
    from translator.diagnostics import Diagnostics

__all__ = [
    "IDENTITY",
    "INSTALL",
    "MODULE",
    "NAME",
    "NAMED_BY",
    "NAMED_HELP",
    "SETTINGS",
    "bad_name",
    "check",
    "file_name",
    "generate",
    "run_command",
    "write_matrix",
]

NAME = "airflow"
INSTALL = "pipeline-translator[airflow]"
MODULE = "airflow"
NAMED_BY = "--dag-id"
NAMED_HELP = "id of the DAG (default: the pipeline's name as an identifier)"
IDENTITY = re.compile(r"^    dag_id=.*$", re.MULTILINE)


def check(pipeline: ir.Pipeline, diagnostics: Diagnostics) -> None:
    """Report what this engine cannot express of ``pipeline``."""
    from translator.targets.airflow import limits  # the command line loads all targets for their options

    limits.check(pipeline, diagnostics)


def generate(pipeline: ir.Pipeline, options: GenerateOptions = GenerateOptions()) -> str:  # noqa: B008 - it is frozen
    """Write the DAG file of ``pipeline``.

    Args:
        pipeline: a pipeline in which ``check`` finds no error.
        options: the context of the file.

    Returns:
        The source text, which is a pure function of the arguments.
    """
    from translator.targets import render

    if pipeline.graph.start is not None:
        from translator.targets.airflow.controlflow.lowering import lower as lower_controlflow
        from translator.targets.airflow.controlflow.writing import dag_source as controlflow_source

        parts = controlflow_source(lower_controlflow(pipeline, options))
    else:
        from translator.targets.airflow.lowering import lower
        from translator.targets.airflow.writing import dag_source

        parts = dag_source(lower(pipeline, options))
    return render.source(parts, file_name(pipeline))


def write_matrix(
    pipeline: ir.Pipeline,
    options: GenerateOptions,
    file: str,
    source: str,  # noqa: ARG001 - other targets import its workflow
    points: Sequence[Mapping[str, ir.Value]],
) -> tuple[str, str]:
    """Return the name and the text of a file that runs a pipeline once per combination of values.

    Args:
        pipeline: the pipeline.
        options: the context of the file.
        file: the name of the file of the pipeline's own workflow, beside which it is.
        source: the text of that file, which this target does not need.
        points: the values of each run, by ``NAME`` of a pipeline parameter or ``NODE.PARAMETER``.
    """
    from translator.targets.airflow.matrix import matrix_source

    return matrix_source(pipeline, options, file, points)


def bad_name(name: str) -> str | None:
    """Return why Airflow rejects this DAG id; None if it accepts it."""
    if re.fullmatch(r"[A-Za-z0-9_.-]{1,250}", name):
        return None
    return "a DAG's id has 1 to 250 letters, digits, dots, dashes and underscores"


def file_name(pipeline: ir.Pipeline) -> str:
    """Return the name of the DAG file: the DAG's id and ``.py``, unless a setting gives another."""
    from translator.targets.airflow.dag import dag_file

    return dag_file(pipeline)


def run_command(  # noqa: PLR0913 - all but the file are keywords
    file: Path, *, store: str, run: str, project: Path, parameters: Mapping[str, ir.Value], home: Path, jobs: int
) -> list[str]:
    """Return the command that runs a generated file by ``dag.test()``.

    Args:
        file: the DAG file.
        store: URI of the artifact store.
        run: the run's name in the store.
        project: the directory of the source file.
        parameters: values by ``NAME`` of a pipeline parameter or ``NODE.PARAMETER``.
        home: a private directory for Airflow's configuration, database and logs.
        jobs: the number of tasks that run at once.
    """
    import json

    values = json.dumps(dict(parameters), allow_nan=False)
    return [
        *(sys.executable, "-m", "airflow_plugin.embedded", str(file)),
        *("--store", store, "--run", run, "--project", str(project), "--home", str(home)),
        *("--jobs", str(jobs), "--param-json", values),
    ]
