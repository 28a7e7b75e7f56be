"""Compile a pipeline, run it in its engine's embedded mode, and show the outcome (``translate run``)."""

from __future__ import annotations

import contextlib
import signal
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from translator.cli import approve_option, input_option, matrix_option, param_option, resume_option, reuse_option
from translator.cli.earlier_run import with_earlier_run
from translator.cli.engines import engine, require
from translator.cli.exit_status import FAILED, INTERRUPTED, OK, USAGE
from translator.cli.launch import Launch, keep_log, launch, least_slots, new_run, slots
from translator.cli.parser import Parser
from translator.cli.pipeline_options import (
    BY_OPTION,
    add_file,
    add_pipeline_arguments,
    check_again,
    choose,
    open_file,
)
from translator.cli.printing import colorful, show
from translator.cli.store_option import add_store, make_default_store, open_chosen
from translator.diagnostics import Diagnostics, TranslationError, printable
from translator.dialects.choices import positive_integer
from translator.names import enumeration
from translator.run.failures import failures
from translator.run.progress import plain
from translator.run.questions import can_ask
from translator.run.table import table
from translator.run.view import view

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping, Sequence

    from translator.cli.launch import Outcome
    from translator.diagnostics import SourceText
    from translator.ir import Graph, Value
    from translator.load import Loaded
    from translator.run import process
    from translator.targets import Target

_LOG_LINES = 20


def parser() -> Parser:
    """Return the parser of the arguments."""
    arguments = Parser("run", "Translate a pipeline and run it locally on the installed engine.", page="runners")
    add_file(arguments)
    add_pipeline_arguments(arguments, target="(default: the only one that is installed)", earlier_run=True)
    param_option.add_argument(arguments)
    matrix_option.add_argument(arguments)
    input_option.add_arguments(arguments)
    approve_option.add_argument(arguments)
    add_store(arguments)
    arguments.add_argument(
        "--jobs",
        "-j",
        type=positive_integer,
        metavar="N",
        help="maximum number of concurrent executions (default: number of cores, or what distributed tasks need)",
    )
    resume_option.add_argument(arguments)
    arguments.add_argument(
        "--format", choices=("text", "json"), default="text", help="format of the summary of --matrix (default: text)"
    )
    loudness = arguments.add_mutually_exclusive_group()
    loudness.add_argument("--quiet", "-q", action="store_true", help="print failures only")
    loudness.add_argument("--verbose", "-v", action="store_true", help="print the output of the steps")
    return arguments


def main(argv: Sequence[str]) -> int:
    """Run a pipeline.

    Returns:
        0 if the run is complete; 1 if it is not, or the file has errors; 2 on bad usage.

    Raises:
        UsageError: the pipeline or target does not exist, or its engine is not installed.
    """
    args = parser().parse(argv)
    matrix_option.check(args)
    target = engine(args.target)
    loaded = open_file(args, args.file)
    sources = dict(loaded.sources)
    try:
        request, points = _requested(args, target, loaded, sources)
    except TranslationError as error:
        show(error.diagnostics, sources)
        return USAGE if isinstance(error, _BadValuesError) else FAILED
    if args.matrix:
        return _run_matrix(request, points, args)
    if not args.quiet:
        sys.stdout.write(printable(f"{request.pipeline.title} on {target.NAME}, run {request.run}") + "\n")
        sys.stdout.flush()
    shown = partial(view, engine=target.NAME, quiet=args.quiet)
    return _report(launch(request, shown, verbose=args.verbose), request, args)


class _BadValuesError(TranslationError):
    """Bad values of parameters or inputs on the command line."""


def _requested(
    args: Namespace, target: Target, loaded: Loaded, sources: dict[str, SourceText]
) -> tuple[Launch, Sequence[Mapping[str, Value]]]:
    """Return the run that the command line asks for, and the values that the runs of a matrix have besides.

    Raises:
        TranslationError: the file has errors, or an earlier run lacks something.
        UsageError: an option is invalid, or the engine is not installed.
    """
    resumed = resume_option.find_resumed(args, loaded)
    if resumed is not None:
        args = resume_option.with_options_of(resumed, args, loaded.choose(args.pipeline, BY_OPTION))
    pipeline = reuse_option.with_reuse(choose(loaded, args.pipeline, grid=args.grid, tries=args.tries), args)
    pipeline = replace(pipeline, schedule=None)  # it runs now
    diagnostics = loaded.concerning(pipeline.name)
    check_again(pipeline, loaded, args.grid, target, diagnostics)
    show(diagnostics, loaded.sources, hush_notes=True, file=args.file)
    if not diagnostics.ok:
        raise TranslationError(Diagnostics())  # they are shown
    problems = Diagnostics()
    values = param_option.values(pipeline, args.param, problems)
    earlier_inputs = resumed.inputs(pipeline) if resumed is not None else None
    values |= input_option.files(pipeline, args.input, args.inputs_file, sources, problems, earlier_inputs)
    points = matrix_option.combinations(pipeline, args.matrix, values, problems)
    if not problems.ok:
        raise _BadValuesError(problems)
    approvals = approve_option.of_run(pipeline, args.approve, at_terminal=can_ask() and not args.matrix)
    make_default_store(args.store, pipeline.store)
    uri, store = open_chosen(args.store, pipeline.store)
    if resumed is not None:
        if not args.quiet:
            text = f"keeping what is complete in run {resumed.run.name} ({resumed.run.state})"
            sys.stdout.write(f"{printable(text)}\n")
        values |= param_option.values(pipeline, resumed.parameters(pipeline, values), problems)
        resume_option.warn_of_secrets(resumed, values, args.grid)
        resume_option.warn_of_unknown(resumed, pipeline)
        if pipeline.part is not None and pipeline.part.run is None:
            pipeline = replace(pipeline, part=replace(pipeline.part, run=resumed.run.name))
    if not problems.ok:
        raise _BadValuesError(problems)
    pipeline = param_option.declare(pipeline, {**values, **points[0]})
    pipeline, earlier = with_earlier_run(pipeline, {**values, **points[0]}, store, problems)
    if not problems.ok:
        raise TranslationError(problems)
    require(target)
    if earlier is not None and not args.quiet:
        nodes = enumeration(node.name for node in pipeline.earlier)
        text = f"taking {nodes} from run {earlier.name} ({earlier.state})\n"
        (sys.stderr if args.format == "json" else sys.stdout).write(printable(text.rstrip()) + "\n")
    jobs, project = slots(pipeline, args.jobs), loaded.project or Path()
    name, options = resumed.run.name if resumed is not None else None, resume_option.options_of(args)
    request = Launch(pipeline, target, values, project, uri, store, new_run(), approvals, jobs, name, options)
    return request, points


def _run_matrix(request: Launch, points: Sequence[Mapping[str, Value]], args: Namespace) -> int:
    """Run the pipeline once per point; return the exit status."""
    from translator.cli.matrix import MatrixRun, run_all, width

    active, jobs = width(len(points), request.jobs, least_slots(request.pipeline))
    if not args.quiet:
        out = sys.stderr if args.format == "json" else sys.stdout
        runs = f"{len(points)} run{'' if len(points) == 1 else 's'}"
        heading = f"{request.pipeline.title} on {request.target.NAME}, {runs}, {active} at a time"
        out.write(printable(heading) + "\n")
    names: set[str] = set()
    while len(names) < len(points):
        names.add(new_run())
    named = zip(sorted(names), points, strict=True)
    matrix_runs = [
        MatrixRun(point, replace(request, run=run, values={**request.values, **point}, jobs=jobs))
        for run, point in named
    ]
    return run_all(matrix_runs, active, args)


def _report(outcome: Outcome, request: Launch, args: Namespace) -> int:
    """Show the outcome of a run; return the exit status."""
    document, ended, complete = outcome.document, outcome.ended, outcome.complete
    why = failures(document, outcome.labels, outcome.place) if document is not None else ""
    explained = why or (document is not None and ended.interruption)
    if not complete and not explained and not args.verbose and ended.tail:
        sys.stderr.write(f"the last lines of the output (all of it with --verbose):\n{_indented(ended.tail)}")
    if document is None:
        sys.stderr.write(_without_record(request, outcome))
        if ended.interruption:
            return _stopped(ended)
        return USAGE if ended.status == USAGE else FAILED
    out = sys.stderr if args.quiet else sys.stdout
    if not args.quiet or not complete:
        files = _files(request.pipeline.graph, outcome.labels)
        shown_table = table(document, files, reasons=False, color=colorful(out))
        out.write(shown_table + (f"\n{why}" if why else "") + f"\noutputs and logs: {outcome.place}\n")
    if ended.interruption:
        return _stopped(ended)
    return OK if complete else FAILED


def _stopped(ended: process.Ended) -> int:
    sys.stderr.write(f"translate: {ended.interruption}\n")
    return INTERRUPTED


def _without_record(request: Launch, outcome: Outcome) -> str:
    """Report a run that left no record; the engine's log is kept where the record would be."""
    target, ended = request.target, outcome.ended
    lines = tuple(line for line in outcome.log.splitlines() if line.strip())[-_LOG_LINES:]
    log = f"the last lines of {target.NAME}'s log:\n{_indented(lines)}" if lines else ""
    end = "was interrupted" if ended.interruption else _ending(ended.status)
    kept = keep_log(request, outcome)
    return log + printable(f"translate: {target.NAME} {end} and left no record of the run{kept}") + "\n"


def _ending(status: int) -> str:
    """Describe how a process ended."""
    if status >= 0:
        return f"ended with exit status {status}"
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(-status).name}"
    return f"was ended by signal {-status}"


def _files(graph: Graph, labels: Mapping[str, Mapping[int, str]]) -> dict[str, Mapping[int, str]]:
    """Return the labels of executions of loops over files: the file names."""
    from translator.ir import GridKind, TaskNode

    loops = [node for node in graph.nodes if isinstance(node, TaskNode) and node.grid.kind is GridKind.FILES]
    return {node.name: labels.get(node.name, {}) for node in loops}


def _indented(lines: tuple[str, ...]) -> str:
    return "".join(f"    {printable(plain(line))}\n" for line in lines)
