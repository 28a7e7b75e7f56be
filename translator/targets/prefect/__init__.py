"""Write a pipeline as a Prefect flow, as an expert of Prefect would write it with ``prefect_plugin``."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from translator.names import slug
from translator.targets import GenerateOptions
from translator.targets.prefect.settings import DEPLOYMENTS, SETTINGS, flow_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from translator.diagnostics import Diagnostics
    from translator.ir import Pipeline, Value

__all__ = [
    "DEPLOYMENTS",
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
    "with_deployment",
    "without_gone",
    "write_matrix",
]

NAME = "prefect"
INSTALL = "pipeline-translator[prefect]"
MODULE = "prefect"
NAMED_BY = "--flow-name"
NAMED_HELP = "name of the flow (default: the pipeline's name)"
IDENTITY = re.compile(r"^@flow\(.*\n    name=.*$", re.MULTILINE)


def check(pipeline: Pipeline, diagnostics: Diagnostics) -> None:
    """Report what this engine cannot express of ``pipeline``."""
    from translator.targets.prefect import limits  # the command line loads all targets for their options

    limits.check(pipeline, diagnostics)


def generate(pipeline: Pipeline, options: GenerateOptions = GenerateOptions()) -> str:  # noqa: B008 - it is frozen
    """Write the source text of a flow.

    Args:
        pipeline: a pipeline in which ``check`` finds no error.
        options: the context of the file.

    Returns:
        The source text, which is a pure function of the arguments.
    """
    from translator.targets import render

    if pipeline.graph.start is not None:
        from translator.targets.prefect.controlflow.lowering import lower as lower_controlflow
        from translator.targets.prefect.controlflow.writing import flow_source as controlflow_source

        parts = controlflow_source(lower_controlflow(pipeline, options))
    else:
        from translator.targets.prefect.lowering import lower
        from translator.targets.prefect.writing import flow_source

        parts = flow_source(lower(pipeline, options))
    return render.source(parts, file_name(pipeline))


def write_matrix(
    pipeline: Pipeline, options: GenerateOptions, file: str, source: str, points: Sequence[Mapping[str, Value]]
) -> tuple[str, str]:
    """Return the name and the text of a file that runs a pipeline once per combination of values.

    Args:
        pipeline: the pipeline.
        options: the context of the file.
        file: the name of the file of the pipeline's own workflow, beside which it is.
        source: the text of that file.
        points: the values of each run, by ``NAME`` of a pipeline parameter or ``NODE.PARAMETER``.
    """
    from translator.targets.prefect.matrix import matrix_source

    return matrix_source(pipeline, options, file, source, points)


def bad_name(name: str) -> str | None:
    """Return why Prefect rejects this name of a flow; None if it accepts it."""
    if name.strip() and name.isprintable() and not set(name) & set("/%&><"):
        return None
    return "a flow's name has printable characters other than / % & > <"


def file_name(pipeline: Pipeline) -> str:
    """Name the flow's file; it ends in ``_flow``, so that it never shadows a module of a library."""
    return flow_file(pipeline, f"{slug(pipeline.title)}_flow.py")


def without_gone(before: str | None, exists: Callable[[str], bool]) -> tuple[str | None, Sequence[str]]:
    """Return the text of ``prefect.yaml`` without deployments whose flow's file is gone, and the names of these files.

    Args:
        before: the text that it has now, if it exists.
        exists: returns whether a file exists beside it.
    """
    from translator.targets.prefect import deployments

    return deployments.without_gone(before, exists)


def with_deployment(pipeline: Pipeline, source: str, file: str, before: str | None, *, force: bool) -> str | None:
    """Return the text of ``prefect.yaml`` with the deployment of a flow; None if it need not be written.

    Args:
        pipeline: the pipeline.
        source: the text of the flow's file.
        file: the name of that file.
        before: the text that ``prefect.yaml`` has now, if it exists.
        force: whether to replace a file that is not ours.
    """
    from translator.targets.prefect import deployments

    return deployments.with_deployment(pipeline, source, file, before, force=force)


def run_command(  # noqa: PLR0913 - the interface of all targets
    file: Path, *, store: str, run: str, project: Path, parameters: Mapping[str, Value], home: Path, jobs: int
) -> list[str]:
    """Build the argument list that runs a generated flow in a private, ephemeral Prefect.

    Args:
        file: the generated file.
        store: URI of the artifact store.
        run: id of the run in the store.
        project: directory of the source file.
        parameters: values by ``NAME`` of a pipeline parameter or ``NODE.PARAMETER``.
        home: directory for Prefect's own files.
        jobs: the number of executions that run at once.
    """
    import json

    return [
        sys.executable,
        "-m",
        "prefect_plugin.embedded",
        str(file),
        f"--store={store}",
        f"--run={run}",
        f"--project={project}",
        f"--home={home}",
        f"--jobs={jobs}",
        f"--param-json={json.dumps(dict(parameters))}",
    ]
