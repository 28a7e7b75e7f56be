"""Write the flow that calls the flow of a pipeline once per combination of values."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from translator.errors import TranslatorError
from translator.names import free
from translator.targets import render
from translator.targets.matrix import SUFFIX, TITLE, decorated_function, file_beside, runs_of
from translator.targets.prefect.flow import title_of
from translator.targets.prefect.settings import flow_name
from translator.targets.render import code, docstring, import_line, line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from translator import ir
    from translator.ir import Value
    from translator.targets import GenerateOptions

_MARGIN = " " * 4
_NAMES = {"RUNS", "State", "flow", "record_crash", "run_each"}


class MatrixError(TranslatorError):
    """A flow that another file cannot import."""


def matrix_source(
    pipeline: ir.Pipeline,
    options: GenerateOptions,
    file: str,
    source: str,
    points: Sequence[Mapping[str, Value]],
) -> tuple[str, str]:
    """Return the name and the text of the file of the flow.

    Args:
        pipeline: the pipeline.
        options: the context of the file.
        file: the name of the file of the pipeline's own flow.
        source: the text of that file.
        points: the values of each run.

    Raises:
        MatrixError: the name of that file is not that of a module.
    """
    module = PurePath(file).stem
    if not module.isidentifier():
        raise MatrixError(f"a flow cannot import {file}", "choose a name of letters, digits and underscores with -o")
    beside = file_beside(file, "_flow")
    return beside, render.source(_lines(pipeline, options, module, decorated_function(source, "flow"), points), beside)


def _lines(
    pipeline: ir.Pipeline,
    options: GenerateOptions,
    module: str,
    function: str,
    points: Sequence[Mapping[str, Value]],
) -> Iterator[str]:
    title = options.pipeline or pipeline.title
    own = free(f"{function.rstrip('_')}{SUFFIX}", {function, *_NAMES})
    yield render.marker(options.source or pipeline.file, f"{title} (matrix)", pipeline.configuration)
    yield "from prefect import State, flow"
    yield import_line("prefect_plugin", ["record_crash", "run_each"])
    yield import_line(module, [function])
    yield ""
    yield line("RUNS = ", runs_of(points))
    yield from ("", "", "@flow(")
    yield line(f"{_MARGIN}name=", title_of(f"{flow_name(pipeline)} (matrix)"), ",")
    yield f"{_MARGIN}# Set here so that the deployment's defaults do not apply."
    yield f"{_MARGIN}retries=0,"
    yield f"{_MARGIN}persist_result=False,"
    yield f"{_MARGIN}on_crashed=[record_crash],  # writes run.json if this process is killed"
    yield ")"
    yield f"def {own}() -> State:"
    yield f"{_MARGIN}{docstring([TITLE.format(pipeline=code(title))])}"
    yield f"{_MARGIN}return run_each({function}, RUNS)"
    yield from ("", "", 'if __name__ == "__main__":', f"{_MARGIN}{own}()")
