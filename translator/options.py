"""The options that the commands share: which pipeline, which engine, which grids; and how findings are shown."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from translator import diagnostics, registry, settings
from translator.diagnostics import Severity
from translator.settings import SettingsError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from translator.diagnostics import Diagnostic, SourceText
    from translator.ir import Pipeline
    from translator.load import Loaded
    from translator.targets import Target


OK, FAILED, USAGE = 0, 1, 2
"""The exit status of a command: all is well; there are errors; the command line asks for what cannot be."""


class UsageError(Exception):
    """The command line asks for something that cannot be; the message is for the user."""


def add_pipeline_arguments(parser: argparse.ArgumentParser, *, target_required: bool | None) -> None:
    """Add the arguments that choose and shape a pipeline: ``--target``, ``--pipeline``, ``--grid``, ``--tries``.

    Args:
        parser: the parser of a command.
        target_required: whether the command needs an engine; None if none has anything to do with it.
    """
    if target_required is not None:
        known = "the engine to translate for"
        parser.add_argument("--target", "-t", metavar="TARGET", required=target_required, help=known)
    parser.add_argument("--dialect", metavar="NAME", help="the language of the file, if it is not to be detected")
    parser.add_argument("--project", metavar="FOLDER", help="the folder in which the steps run (that of the file)")
    parser.add_argument(
        "--parameters-file", metavar="FILE", help="parameters that the run starts with (Magnus and runnable), as YAML"
    )
    parser.add_argument("--pipeline", "-p", metavar="NAME", help="the pipeline, if the file has several")
    parser.add_argument(
        "--grid",
        action="append",
        default=[],
        metavar="NODE.PARAM=V,V",
        help="make the node a task node that runs once per value of the parameter; may be given several times",
    )
    parser.add_argument("--tries", type=settings.count, metavar="N", help="tries in all with 'on-error: retry' (3)")
    settings.add_arguments(parser)


def open_file(args: argparse.Namespace, file: str) -> Loaded:
    """Read a pipeline file as the options of ``add_pipeline_arguments`` ask for.

    Args:
        args: the options.
        file: the file.

    Raises:
        UsageError: there is no such dialect, or no such step, parameter or path as they name.
    """
    from translator.load import load
    from translator.names import did_you_mean

    known = registry.names(registry.DIALECTS)
    if args.dialect is not None and args.dialect not in known:
        raise UsageError(f"there is no dialect {args.dialect!r}; {did_you_mean(args.dialect, known, 'there are')}")
    parameters = None if args.parameters_file is None else Path(args.parameters_file)
    project, asked = project_of(args, file), settings.of(args)
    try:
        return load(Path(file), dialect=args.dialect, project=project, parameters=parameters, settings=asked)
    except SettingsError as error:
        raise UsageError(str(error)) from None


def project_of(args: argparse.Namespace, file: str) -> Path:
    """The folder in which the steps of a pipeline file run."""
    return Path(file).parent if args.project is None else Path(args.project)


def choose(loaded: Loaded, name: str | None, *, grid: Sequence[str] = (), tries: int | None = None) -> Pipeline:
    """The pipeline of a file that the command line asks for, shaped as it asks for.

    Args:
        loaded: the file.
        name: the pipeline's name; None if it is the only one.
        grid: the ``--grid`` options.
        tries: the ``--tries`` option.

    Raises:
        UsageError: there is no such pipeline, there are several, or a grid names what is not there.
        TranslationError: the pipeline has errors.
    """
    from translator.convert import GridOptionError, convert, with_tries

    if loaded.names and (name not in loaded.names if name is not None else len(loaded.names) > 1):
        raise UsageError(which_pipeline(loaded, name))
    pipeline = loaded.choose(name)
    try:
        pipeline = convert(pipeline, grid)
    except GridOptionError as error:
        raise UsageError(str(error) + (f"\n  {error.hint}" if error.hint else "")) from None
    return pipeline if tries is None else with_tries(pipeline, tries)


def find_target(name: str) -> Target:
    """The target of that name.

    Raises:
        UsageError: there is none.
    """
    from translator.names import did_you_mean

    known = registry.names(registry.TARGETS)
    if name not in known:
        hint = did_you_mean(name, known, "there are")
        raise UsageError(f"there is no target {name!r}; {hint}")
    try:
        target: Target = registry.load(registry.TARGETS, name)
    except ImportError as error:
        raise UsageError(f"the target {name!r} cannot be loaded: {error}") from None
    return target


def show(
    found: Iterable[Diagnostic], sources: Mapping[str, SourceText], *, hush_notes: bool = False, file: str = ""
) -> None:
    """Print findings to the standard error.

    Args:
        found: the findings.
        sources: the source texts by ``Span.file``.
        hush_notes: only count the notes.
        file: the file that a count of notes refers to.
    """
    shown = list(found)
    notes = [d for d in shown if d.severity is Severity.NOTE]
    if hush_notes:
        shown = [d for d in shown if d.severity is not Severity.NOTE]
    sys.stderr.write(diagnostics.text(shown, sources, color=colorful(sys.stderr)))
    if hush_notes and notes:
        count = "1 note" if len(notes) == 1 else f"{len(notes)} notes"
        sys.stderr.write(f"{count}; see: translate check {file}\n")


def which_pipeline(loaded: Loaded, name: str | None, *, folder: bool = False) -> str:
    """What to tell a user who chose no pipeline of several, or one that is not there."""
    from translator.names import did_you_mean

    listed = "\n".join(f"  {known!r}" for known in loaded.names)
    if name is None:
        how = "--pipeline NAME" + (" or all of them with -o FOLDER" if folder else "")
        return f"the file has several pipelines; choose one with {how}:\n{listed}"
    hint = did_you_mean(name, loaded.names)
    return f"the file has no pipeline {name!r}{'; ' + hint if hint else ''}; it has:\n{listed}"


def colorful(stream: object) -> bool:
    """Whether to use ANSI escapes on a stream."""
    is_terminal: Callable[[], bool] = getattr(stream, "isatty", bool)
    return is_terminal() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
