"""Draw a pipeline (``translate graph``)."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from translator.cli import fail_option, param_option
from translator.cli.exit_status import FAILED, OK, USAGE, UsageError
from translator.cli.parser import Parser
from translator.cli.pipeline_options import add_file, add_output, add_pipeline_arguments, choose, open_file
from translator.cli.printing import print_utf8, show
from translator.cli.store_option import add_store, run_of
from translator.diagnostics import Diagnostics, TranslationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from translator.graph.model import Status
    from translator.history.runs import Run
    from translator.ir import Pipeline
    from translator.load import Loaded

FORMATS = ("mermaid", "dot", "svg", "html")
"""The formats, which are also the names of modules of ``translator.graph``."""


def main(argv: Sequence[str]) -> int:
    """Run the command; return the exit status.

    Raises:
        TranslatorError: the pipeline or the run does not exist, or the file cannot be written.
    """
    args = parser().parse(argv)
    if args.run is not None and (args.fail or args.assume or args.param):
        raise UsageError("use either --run or --fail, --assume and --param")
    from translator.graph.build import build

    loaded = open_file(args, args.file)
    try:
        run = _run(args, loaded)
        name = args.pipeline if run is None or args.pipeline is not None else _of_run(run, loaded)
        pipeline = choose(loaded, name, grid=args.grid, tries=args.tries)
    except TranslationError as error:
        show(error.diagnostics, loaded.sources)
        return FAILED
    if run is not None:
        statuses, captions = _past(run, pipeline, args.file)
    elif args.fail or args.assume or args.param:
        problems = Diagnostics()
        predicted = _predicted(args, pipeline, problems)
        if predicted is None:
            show(problems, loaded.sources)
            return USAGE
        statuses, captions = predicted
    else:
        statuses, captions = {}, ()
    drawing = build(pipeline, statuses, captions)
    form = import_module(f"translator.graph.{args.format or _format_of(args.output)}")
    text = form.write(drawing)
    if args.output is None:
        print_utf8(text)
        return OK
    from translator.cli.files import write

    write(Path(args.output), text, marker=form.MARKER, force=args.force)
    sys.stdout.write(f"wrote {args.output}\n")
    return OK


def parser() -> Parser:
    """Return the parser of the arguments."""
    arguments = Parser("graph", "Draw a pipeline, with the states of a run or predicted ones.", page="graph")
    add_file(arguments)
    add_pipeline_arguments(arguments, target=None)
    known = "output format (default: that of the suffix of -o, else mermaid)"
    arguments.add_argument("--format", choices=FORMATS, help=known)
    add_output(arguments, "FILE", "file")
    arguments.add_argument("--force", action="store_true", help="overwrite a file that is not such a drawing")
    arguments.add_argument(
        "--run", metavar="RUN", help="show the states of a run: its id, the beginning of it, or latest"
    )
    add_store(arguments)
    param_option.add_argument(arguments)
    fail_option.add_arguments(arguments)
    return arguments


def _format_of(output: str | None) -> str:
    suffix = "" if output is None else Path(output).suffix.lower()
    return {".dot": "dot", ".gv": "dot", ".svg": "svg", ".html": "html", ".htm": "html"}.get(suffix, "mermaid")


def _run(args: argparse.Namespace, loaded: Loaded) -> Run | None:
    """Return the run that ``--run`` names; ``latest`` is that of the pipeline, if it is known."""
    if args.run is None:
        return None
    from translator.shim.contract import LATEST

    only = args.pipeline or (loaded.names[0] if len(loaded.names) == 1 else None)
    found = argparse.Namespace(store=args.store, pipeline=only if args.run == LATEST else None)
    return run_of(found, args.run)[1]


def _of_run(run: Run, loaded: Loaded) -> str | None:
    """Return the name of the pipeline of a run, if the file has it and others."""
    name = str(run.record["pipeline"])
    return name if name in loaded.names else None


def _past(run: Run, pipeline: Pipeline, file: str) -> tuple[Mapping[tuple[str, ...], Status], tuple[str, ...]]:
    from translator.diagnostics import printable
    from translator.graph.states import of_run
    from translator.nodes import walk

    statuses = of_run(run.record)
    nodes = {path for path, _ in walk(pipeline.graph)}
    missing = [".".join(path) for path in statuses if len(path) % 2 and path not in nodes]
    if missing:
        listed = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")  # noqa: PLR2004 - enough
        sys.stderr.write(printable(f"translate: the run has nodes that {file} does not have: {listed}") + "\n")
    flaw = f" ({run.flaw})" if run.flaw else ""
    return statuses, (f"Run {run.name}: {run.state}{flaw}",)


def _predicted(
    args: argparse.Namespace, pipeline: Pipeline, problems: Diagnostics
) -> tuple[Mapping[tuple[str, ...], Status], tuple[str, ...]] | None:
    from translator.explain.pipeline import explain
    from translator.explain.result import assumption
    from translator.explain.runtime_values import read_assumptions
    from translator.graph.states import predicted

    values = param_option.values(pipeline, args.param, problems)
    known = read_assumptions(pipeline, args.assume, problems)
    explanation = explain(pipeline, args.fail, values, known, problems) if problems.ok else None
    if explanation is None:
        return None
    states = " or ".join(sorted(explanation.states))
    return predicted(explanation), (
        f"Prediction, {assumption(explanation)}: the run is {states}",
        *(f"Note: {n}" for n in explanation.notes),
    )
