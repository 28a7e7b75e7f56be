"""Compile a pipeline, run it in its engine's embedded mode, and show the outcome (``translate run``)."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from translator.cli import approve_option, input_option, param_option, reuse_option
from translator.cli.earlier_run import with_earlier_run
from translator.cli.engines import engine, require
from translator.cli.exit_status import FAILED, INTERRUPTED, OK, USAGE, UsageError
from translator.cli.files import project_from
from translator.cli.parser import Parser
from translator.cli.pipeline_options import add_file, add_pipeline_arguments, check_again, choose, open_file
from translator.cli.printing import colorful, show
from translator.cli.store_option import add_store, make_default_store, open_chosen
from translator.diagnostics import Diagnostics, TranslationError, printable
from translator.dialects.choices import positive_integer
from translator.files import real
from translator.names import enumeration
from translator.nodes import kind, named_branches, walk
from translator.run import process
from translator.run.failures import failures
from translator.run.guard import guarded
from translator.run.labels import differing
from translator.run.progress import Follower, Progress, plain
from translator.run.questions import Questions, can_ask
from translator.run.table import table
from translator.run.view import view
from translator.shim.contract import LATEST
from translator.shim.variables import ANSWERS, APPROVED, LAUNCH_PATHS, RESUME
from translator.targets import GenerateOptions

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Collection, Mapping, Sequence

    from translator.cli.approve_option import Approvals
    from translator.ir import Graph, Pipeline, Value
    from translator.load import Loaded
    from translator.shim.store import Store
    from translator.targets import Target

ENGINE_LOG = "engine.log"
_LOG_LINES = 20
_LOG_LENGTH = 4 << 20


def parser() -> Parser:
    """Return the parser of the arguments."""
    arguments = Parser("run", "Translate a pipeline and run it locally on the installed engine.", page="runners")
    add_file(arguments)
    add_pipeline_arguments(arguments, target="(default: the only one that is installed)", earlier_run=True)
    param_option.add_argument(arguments)
    input_option.add_arguments(arguments)
    approve_option.add_argument(arguments)
    add_store(arguments)
    arguments.add_argument(
        "--jobs",
        "-j",
        type=positive_integer,
        metavar="N",
        help="maximum number of concurrent executions (default: number of cores)",
    )
    arguments.add_argument(
        "--resume",
        nargs="?",
        const=LATEST,
        metavar="RUN",
        help=(
            "keep the complete executions of an earlier run, and run the others (default: the latest run of the "
            "pipeline); the pipeline's parameters are those of that run, give other options again"
        ),
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
    target = engine(args.target)
    loaded = open_file(args, args.file)
    try:
        pipeline = reuse_option.with_reuse(choose(loaded, args.pipeline, grid=args.grid, tries=args.tries), args)
        pipeline = replace(pipeline, schedule=None)  # it runs now
        diagnostics = loaded.concerning(pipeline.name)
        check_again(pipeline, loaded, args.grid, target, diagnostics)
        show(diagnostics, loaded.sources, hush_notes=True, file=args.file)
        if not diagnostics.ok:
            return FAILED
        problems, sources = Diagnostics(), dict(loaded.sources)
        values = param_option.values(pipeline, args.param, problems)
        values |= input_option.files(pipeline, args.input, args.inputs_file, sources, problems)
        if not problems.ok:
            show(problems, sources)
            return USAGE
        approvals = approve_option.of_run(pipeline, args.approve, at_terminal=can_ask())
        make_default_store(args.store, pipeline.store)
        chosen = open_chosen(args.store, pipeline.store)
        resumed, recorded = _resumed(args, chosen[1], pipeline, values)
        values |= param_option.values(pipeline, recorded, problems)
        if not problems.ok:
            show(problems, sources)
            return USAGE
        if resumed is not None and pipeline.part is not None and pipeline.part.run is None:
            pipeline = replace(pipeline, part=replace(pipeline.part, run=resumed))
        pipeline = param_option.declare(pipeline, values)
        pipeline, earlier = with_earlier_run(pipeline, values, chosen[1], problems)
        if not problems.ok:
            show(problems, sources)
            return FAILED
        require(target)
        if earlier is not None and not args.quiet:
            nodes = enumeration(node.name for node in pipeline.earlier)
            sys.stdout.write(printable(f"taking {nodes} from run {earlier.name} ({earlier.state})") + "\n")
        return _run(pipeline, target, values, loaded, args, chosen, resumed, approvals)
    except TranslationError as error:
        show(error.diagnostics, loaded.sources)
        return FAILED


def _resumed(
    args: Namespace, store: Store, pipeline: Pipeline, values: Collection[str]
) -> tuple[str | None, Sequence[str]]:
    """Return the run that ``--resume`` names, if it does, and its own parameters that are not given anew.

    Raises:
        UsageError: the pipeline's executions cannot be kept, or the name is that of the pipeline file.
        HistoryError: the store has no run of this name.
        StoreError: the store cannot be read.
    """
    if args.resume is None:
        return None, ()
    from translator.history.parameters import arguments_of
    from translator.history.runs import find
    from translator.shim.outcome.earlier_run import UNFINISHED

    if Path(args.resume).is_file():
        raise UsageError(f"--resume {args.resume}: expected a run; write the pipeline file first")
    if not reuse_option.keeps_results(pipeline):
        raise UsageError(f"--resume: executions of {pipeline.dialect} cannot be kept; to run a part, use --from NODE")
    run = find(store, args.resume, pipeline.name)
    if not args.quiet:
        sys.stdout.write(printable(f"keeping what is complete in run {run.name} ({run.state})") + "\n")
    if run.state == UNFINISHED:
        sys.stderr.write(f"translate: warning: run {run.name} has no record, so its parameters are not known\n")
    return run.name, arguments_of(run, pipeline, values)


def _run(  # noqa: PLR0913, PLR0917 - all that defines a run
    pipeline: Pipeline,
    target: Target,
    values: Mapping[str, Value],
    loaded: Loaded,
    args: Namespace,
    chosen: tuple[str, Store],
    resumed: str | None,
    approvals: Approvals,
) -> int:
    from translator.shim.embedded import events
    from translator.shim.outcome import resumed as record_of_resumed
    from translator.shim.store import key_of

    run = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    uri, store = chosen
    kinds = {".".join(path): kind(node) for path, node in walk(pipeline.graph, into=named_branches)}
    with guarded() as (folder, guard):
        file, project = _compiled(pipeline, target, folder, loaded.project or Path())
        jobs = args.jobs or _cores()
        home = folder / "home"
        command = target.run_command(file, store=uri, run=run, project=project, parameters=values, home=home, jobs=jobs)
        file_of_events = folder / "events.jsonl"
        progress = Progress()
        shown = view(progress, kinds, engine=target.NAME, quiet=args.quiet)
        if not args.quiet:
            sys.stdout.write(printable(f"{pipeline.title} on {target.NAME}, run {run}") + "\n")
            sys.stdout.flush()
        with contextlib.ExitStack() as ends:
            ends.enter_context(shown)
            questions = ends.enter_context(Questions(folder / "answers", shown)) if approvals.asks else None
            ask = questions.take if questions is not None else None
            follower = ends.enter_context(Follower(file_of_events, progress, shown, ask))
            print_line = follower.print_line if args.verbose else None
            set_here = {events.VARIABLE: str(file_of_events), LAUNCH_PATHS: "/", RESUME: resumed or ""}
            set_here |= {ANSWERS: str(folder / "answers")} if questions is not None else {}
            if resumed is not None:
                record_of_resumed.write(store, pipeline.name, run, resumed)
            set_here |= {APPROVED: json.dumps(approvals.nodes)} if approvals.nodes else {}
            ended = process.run(command, set_here, print_line, guard)
        document = _record(store, key_of(pipeline.name, run, name="run.json"))
        log = "" if document is not None else _engine_log(home)
    from translator.shim.outcome.run_record import is_success

    complete = document is not None and is_success(document) and ended.status == 0
    place = store.uri(key_of(pipeline.name, run)).removeprefix("file://")
    labels = _labels(progress)
    why = failures(document, labels, place) if document is not None else ""
    explained = why or (document is not None and ended.interruption)
    if not complete and not explained and not args.verbose and ended.tail:
        sys.stderr.write(f"the last lines of the output (all of it with --verbose):\n{_indented(ended.tail)}")
    if document is None:
        sys.stderr.write(_without_record(target, ended, log, store, key_of(pipeline.name, run, name=ENGINE_LOG)))
        if ended.interruption:
            return _stopped(ended)
        return USAGE if ended.status == USAGE else FAILED
    out = sys.stderr if args.quiet else sys.stdout
    if not args.quiet or not complete:
        shown_table = table(document, _files(pipeline.graph, labels), reasons=False, color=colorful(out))
        out.write(shown_table + (f"\n{why}" if why else "") + f"\noutputs and logs: {place}\n")
    if ended.interruption:
        return _stopped(ended)
    return OK if complete else FAILED


def _stopped(ended: process.Ended) -> int:
    sys.stderr.write(f"translate: {ended.interruption}\n")
    return INTERRUPTED


def _record(store: Store, key: str) -> Mapping[str, Any] | None:
    """Return a run's record, or None if it cannot be read."""
    from translator.shim.store import StoreError

    try:
        document = store.read_json(key)
    except (FileNotFoundError, StoreError, ValueError, OSError):
        return None
    return document if isinstance(document, dict) and "state" in document else None


def _engine_log(home: Path) -> str:
    """Return the end of the engine's log."""
    texts = []
    for file in sorted(home.glob("*.log")):
        with contextlib.suppress(OSError), file.open("rb") as opened:
            opened.seek(max(0, file.stat().st_size - _LOG_LENGTH))
            texts.append(opened.read().decode("utf-8", "replace"))
    return "".join(texts)


def _without_record(target: Target, ended: process.Ended, log: str, store: Store, key: str) -> str:
    """Report a run that left no record; the engine's log is kept where the record would be."""
    from translator.shim.store import StoreError

    lines = tuple(line for line in log.splitlines() if line.strip())[-_LOG_LINES:]
    shown = f"the last lines of {target.NAME}'s log:\n{_indented(lines)}" if lines else ""
    what = "was interrupted" if ended.interruption else _ending(ended.status)
    kept = ""
    if log:
        try:
            store.write(key, log.encode("utf-8", "replace"))
            kept = f"; its log is kept in {store.uri(key).removeprefix('file://')}"
        except StoreError as error:
            kept = f"; its log cannot be kept: {error}"
    return shown + printable(f"translate: {target.NAME} {what} and left no record of the run{kept}") + "\n"


def _ending(status: int) -> str:
    """Describe how a process ended."""
    if status >= 0:
        return f"ended with exit status {status}"
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(-status).name}"
    return f"was ended by signal {-status}"


def _labels(progress: Progress) -> dict[str, dict[int, str]]:
    """Return short texts of the parameters in which executions of a node differ."""
    return {name: differing({index: one.label for index, one in of.items()}) for name, of in progress.nodes.items()}


def _files(graph: Graph, labels: Mapping[str, Mapping[int, str]]) -> dict[str, Mapping[int, str]]:
    """Return the labels of executions of loops over files: the file names."""
    from translator.ir import GridKind, TaskNode

    loops = [node for node in graph.nodes if isinstance(node, TaskNode) and node.grid.kind is GridKind.FILES]
    return {node.name: labels.get(node.name, {}) for node in loops}


def _compiled(pipeline: Pipeline, target: Target, folder: Path, source: Path) -> tuple[Path, Path]:
    """Write the generated file below ``folder``; return it, and the real path of the project."""
    project = real(source)
    file = folder / "generated" / target.file_name(pipeline)
    for directory in (file.parent, folder / "home"):
        directory.mkdir()
    options = GenerateOptions(project=project_from(file, project))
    file.write_text(target.generate(pipeline, options), encoding="utf-8")
    return file, project


def _cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _indented(lines: tuple[str, ...]) -> str:
    return "".join(f"    {printable(plain(line))}\n" for line in lines)
