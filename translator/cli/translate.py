"""Write the source code of a workflow (``translate``)."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from translator import __version__, registry
from translator.checks.schedules import check_schedule
from translator.cli import schedule_option, written_matrix_option
from translator.cli.commands import listed
from translator.cli.deployments_file import write_deployment
from translator.cli.exit_status import FAILED, OK, UsageError
from translator.cli.files import destination, is_folder, project_from, refuse_twin, write
from translator.cli.parser import Parser
from translator.cli.pipeline_options import (
    BY_OPTION,
    add_file,
    add_output,
    add_pipeline_arguments,
    check_again,
    choose,
    open_file,
    path_of,
)
from translator.cli.printing import bad_pipelines, is_bad, print_utf8, show
from translator.cli.reuse_option import with_reuse
from translator.config.files import NAME
from translator.diagnostics import TranslationError, printable
from translator.dialects import titles
from translator.errors import TranslatorError
from translator.ir import Code
from translator.shim import variables
from translator.shim.files.sizes import size
from translator.shim.masking.uris import redact
from translator.targets import DeploysSchedules, GenerateOptions, WritesMatrices
from translator.targets.render import MARKER

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from translator.ir import Pipeline, Value
    from translator.load import Loaded
    from translator.targets import Target


@dataclass(frozen=True, slots=True)
class _Generated:
    """A generated file: its path, its text, and the pipeline as the file names it."""

    file: Path
    text: str
    pipeline: Pipeline
    matrix: tuple[Path, str] | None = None
    """The file that runs the pipeline once per combination of values."""


def main(argv: Sequence[str]) -> int:
    """Run the command; return the exit status."""
    args = parser().parse(argv)
    if args.target is None:
        raise UsageError(f"choose an engine with --target: {', '.join(registry.names(registry.TARGETS))}")
    target = registry.target(args.target)
    loaded = open_file(args, args.file)
    names = _selected(loaded, args)
    _check_names(names, target, args)
    written_matrix_option.check(args, target, names)
    diagnostics = loaded.diagnostics.copy()
    texts: list[_Generated] = []
    fetched = partial(_fetched, loaded=loaded, option=args.store, known={})
    bad = bad_pipelines(diagnostics.found, strict=args.strict)
    for name in names:
        try:
            pipeline = with_reuse(choose(loaded, name, grid=args.grid, tries=args.tries), args)
        except TranslationError:
            continue
        pipeline = replace(pipeline, code=Code(args.code)) if args.code else pipeline
        pipeline = schedule_option.with_schedule(pipeline, args)
        about, known = diagnostics.about(pipeline.name), len(diagnostics.found)
        check_schedule(pipeline, about)
        check_again(pipeline, loaded, args.grid, target, about)
        points = written_matrix_option.combinations(pipeline, args, about)
        if not (bad | bad_pipelines(diagnostics.found[known:], strict=args.strict)) & {None, name}:
            texts.append(_generated(pipeline, loaded, target, args, texts, fetched, points))
    chosen = diagnostics.concerning(*names) if names else diagnostics
    show(chosen, loaded.sources, hush_notes=True, file=args.file)
    if not names and not is_bad(chosen, strict=False):
        sys.stderr.write(f"translate: {args.file} has no pipeline\n")
    if not texts:
        return FAILED
    status = _deliver(texts, target, args)
    return FAILED if is_bad(chosen, strict=args.strict) else status


def parser() -> Parser:
    """Return the parser of the arguments."""
    languages = titles(registry.dialects())
    description = f"Translate pipelines of {languages} into workflows for another engine.\n\n{listed()}"
    arguments = Parser("translate", description, page="deploying")
    arguments.epilog = f"To translate a file named like a command, write its path: ./check\n{arguments.epilog}"
    add_file(arguments)
    add_pipeline_arguments(arguments, target="", earlier_run=True)
    add_output(arguments, "PATH", "directory or .py file")
    arguments.add_argument(
        "--force", action="store_true", help="overwrite files that were not generated from this pipeline"
    )
    for option, does in {target.NAMED_BY: target.NAMED_HELP for target in registry.targets()}.items():
        arguments.add_argument(option, dest=option, metavar=option.rpartition("-")[2].upper(), help=does)
    schedule_option.add_arguments(arguments)
    written_matrix_option.add_argument(arguments)
    arguments.add_argument("--prefix", metavar="TEXT", default="", help="prefix for the name of every pipeline")
    sent = "with the generated file, as a snapshot in the artifact store, or as a commit in git_remote"
    arguments.add_argument(
        "--code",
        choices=[code.value for code in Code],
        help=f"how the project's files get to the workers: {sent} (default: code in {NAME}, else path)",
    )
    where = "artifact store that receives snapshots: a directory, or a URI such as s3://bucket/prefix"
    arguments.add_argument(
        "--store", metavar="URI", help=f"{where} (default: ${variables.STORE}, else the store in translator.toml)"
    )
    arguments.add_argument("--strict", action="store_true", help="treat warnings as errors")
    arguments.add_argument("--version", action="version", version=f"translate {__version__}")
    return arguments


def _selected(loaded: Loaded, args: argparse.Namespace) -> tuple[str, ...]:
    """Return the names of the pipelines to translate."""
    several = args.output is not None and is_folder(args.output) and not args.grid
    if not loaded.names or (args.pipeline is None and several):
        return loaded.names
    how = BY_OPTION if args.grid else f"{BY_OPTION} or all of them with -o FOLDER"
    return (loaded.name_of(args.pipeline, how),)


def _generated(  # noqa: PLR0913, PLR0917 - all that defines a file
    pipeline: Pipeline,
    loaded: Loaded,
    target: Target,
    args: argparse.Namespace,
    others: Iterable[_Generated],
    fetched: Callable[[Pipeline], str | None],
    points: Sequence[Mapping[str, Value]],
) -> _Generated:
    """Return the file to write (without ``-o``, in the current directory).

    Args:
        pipeline: the pipeline, without errors.
        loaded: its file.
        target: the engine to write it for.
        args: the options.
        others: the files that are already to be written.
        fetched: returns what workers fetch in place of the project of a pipeline.
        points: the values of each run of a matrix, if there is one.
    """
    target_name = getattr(args, target.NAMED_BY)
    # Runs are kept below this name: a part finds those of the whole pipeline if both are given the same name.
    own = target_name or f"{args.prefix}{pipeline.name}"
    renamed = replace(pipeline, name=own)
    if target_name and target.SETTINGS.name_key:  # the command line is stronger than translator.toml
        settings = {**pipeline.workflow.get(target.NAME, {}), target.SETTINGS.name_key: target_name}
        renamed = replace(renamed, workflow={**pipeline.workflow, target.NAME: settings})
    name = target.file_name(renamed)
    file = destination(args.output, name) if args.output else Path(name)
    if any(file == other.file for other in others):
        raise UsageError(f"two pipelines would be written to {file}; choose one with --pipeline")
    options = GenerateOptions(
        project=project_from(file, loaded.project or Path()),
        source=project_from(file, path_of(args, args.file)),
        pipeline=pipeline.title,
        name=target_name if pipeline.part is None else None,
        fetched=fetched(pipeline),
    )
    text = target.generate(renamed, options)
    if not points or not isinstance(target, WritesMatrices):
        return _Generated(file, text, renamed)
    beside, several = target.write_matrix(renamed, options, file.name, text, points)
    return _Generated(file, text, renamed, (file.with_name(beside), several))


def _fetched(pipeline: Pipeline, loaded: Loaded, option: str | None, known: dict[str, str]) -> str | None:
    """Return what workers fetch in place of the project, if the pipeline's code travels; put it there.

    Args:
        pipeline: the pipeline.
        loaded: its file.
        option: the store that the command line names.
        known: what is there already, by store or repository; this adds to it.

    Raises:
        TranslatorError: no store or repository is named, or it or a file of the project cannot be read.
    """
    project = loaded.project or Path()
    if pipeline.code is Code.SNAPSHOT:
        return _snapshot(pipeline, project, option, known)
    remote = loaded.config.git_remote  # checked before
    return _commit(project, remote, known) if pipeline.code is Code.GIT and remote is not None else None


def _commit(project: Path, remote: str, known: dict[str, str]) -> str:
    from translator.code.commit import commit_of

    if remote not in known:
        commit = commit_of(project, remote)
        known[remote] = commit.name
        for problem in commit.problems:
            _warn(problem)
    return known[remote]


def _snapshot(pipeline: Pipeline, project: Path, option: str | None, known: dict[str, str]) -> str:
    from translator.cli.store_option import open_chosen
    from translator.code.snapshot import take

    if not (option or os.environ.get(variables.STORE) or pipeline.store):
        raise UsageError("a snapshot needs an artifact store", f"name it with --store, {variables.STORE} or {NAME}")
    uri, store = open_chosen(option, pipeline.store)
    if uri not in known:
        snapshot = take(project, store)
        known[uri] = snapshot.name
        files = f"{snapshot.files} {'file' if snapshot.files == 1 else 'files'}, {size(snapshot.size)}"
        done = "put the project into" if snapshot.is_new else "the project is already in"
        sys.stderr.write(printable(f"{done} {store.root} ({files})") + "\n")
        for name in snapshot.absent:
            _warn(f"the submodule {name} is not checked out, so it does not travel: git submodule update --init")
        if option and pipeline.store and uri != pipeline.store.rstrip("/"):
            _warn(f"the generated file names the store {redact(pipeline.store)}, where workers look for the snapshot")
    return known[uri]


def _warn(text: str) -> None:
    sys.stderr.write(printable(f"translate: warning: {text}") + "\n")


def _check_names(names: Sequence[str], target: Target, args: argparse.Namespace) -> None:
    """Check the options that name generated files.

    Raises:
        UsageError: they conflict with the target, with each other, or with several pipelines.
    """
    if not args.prefix.isprintable():
        raise UsageError("--prefix accepts only printable characters")
    for option in dict.fromkeys(other.NAMED_BY for other in registry.targets()):
        name = getattr(args, option)
        if name is None:
            continue
        if option != target.NAMED_BY:
            raise UsageError(f"{option} does not apply to {target.NAME}; use {target.NAMED_BY}")
        if args.prefix:
            raise UsageError(f"use either {option} or --prefix")
        if len(names) > 1:
            raise UsageError(f"{option} names one pipeline; choose it with --pipeline, or use --prefix")
        reason = target.bad_name(name)
        if reason is not None:
            raise UsageError(f"{option} {name}: {reason}")


def _write_matrix(file: Path, text: str, target: Target, *, force: bool) -> None:
    """Write the file that runs a pipeline once per combination of values."""
    refuse_twin(file, text, target.IDENTITY, marker=MARKER)
    write(file, text, marker=MARKER, force=force)
    sys.stdout.write(f"wrote {file}\n")


def _deliver(texts: Sequence[_Generated], target: Target, args: argparse.Namespace) -> int:
    if args.output is None:
        print_utf8("".join(one.text for one in texts))
        if isinstance(target, DeploysSchedules) and any(
            one.pipeline.schedule and one.pipeline.schedule.cron for one in texts
        ):
            _warn(f"the schedule is not part of the flow; write it to {target.DEPLOYMENTS} with -o")
        return OK
    status = OK
    deployed: set[Path] = set()
    coming = {one.file for one in texts}
    for generated in texts:
        try:
            refuse_twin(generated.file, generated.text, target.IDENTITY, marker=MARKER)
            write(generated.file, generated.text, marker=MARKER, force=args.force)
            sys.stdout.write(f"wrote {generated.file}\n")
            if generated.matrix is not None:
                _write_matrix(*generated.matrix, target, force=args.force)
            beside = write_deployment(
                generated.file, generated.text, generated.pipeline, target, force=args.force, warn=_warn, coming=coming
            )
            deployed |= {beside} if beside is not None else set()
        except TranslatorError as error:
            sys.stderr.write(f"translate: {error}\n")
            status = FAILED
    for beside in sorted(deployed):
        sys.stdout.write(f"wrote {beside}\n")
    return status
