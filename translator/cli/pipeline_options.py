"""Define the options that the commands share: the file, the pipeline and the grids."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from translator import registry
from translator.cli import reuse_option
from translator.cli.exit_status import UsageError
from translator.cli.ignore_option import add_ignore, ignored_codes
from translator.cli.printing import is_bad
from translator.dialects import Choices, titles
from translator.dialects.choices import positive_integer
from translator.ir import Code

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence

    from translator.diagnostics import Diagnostics
    from translator.dialects import Dialect
    from translator.dialects.choices import ArgumentGroup
    from translator.ir import Pipeline
    from translator.load import Loaded
    from translator.targets import Target


STDIN = "-"
"""The argument that stands for the standard input."""
FILE_HELP = "pipeline file, or its directory (default: the current one); - for standard input"
BY_OPTION = "with --pipeline NAME"
"""How to choose one pipeline of several; see ``translator.load.Loaded.name_of``."""


def add_file(parser: argparse.ArgumentParser) -> None:
    """Add the argument ``FILE``: a pipeline file, by default the one in the current directory."""
    parser.add_argument("file", metavar="FILE", nargs="?", default=".", type=pipeline_file, help=FILE_HELP)


def add_output(parser: argparse.ArgumentParser, metavar: str, help: str) -> None:  # noqa: A002 - argparse's name
    """Add the option ``--output``; ``-`` is standard output, as it is without the option.

    Args:
        parser: the parser of a command.
        metavar: the name of the value.
        help: what may be written to.
    """
    parser.add_argument(
        *("--output", "-o"),
        metavar=metavar,
        type=lambda path: None if path == "-" else path,
        help=f"{help} to write to (default: standard output)",
    )


def pipeline_file(name: str) -> str:
    """Return a pipeline file, or that in a directory under one of the usual names.

    Raises:
        UsageError: the current directory, as ``.``, contains none of them, or several.
    """
    folder = Path(name)
    if name == STDIN or not folder.is_dir():
        return name
    usual = dict.fromkeys(file for dialect in registry.dialects() for file in dialect.files)
    there = [file for file in usual if (folder / file).is_file()]
    where = "this directory" if name == "." else name
    if len(there) > 1:
        raise UsageError(f"{where} contains {' and '.join(there)}; name one of them")
    if not there and name == ".":
        raise UsageError(f"there is no pipeline file in this directory, such as {' or '.join(usual)}; name one")
    return str(folder / there[0]) if there else name


def add_pipeline_arguments(parser: argparse.ArgumentParser, *, target: str | None, earlier_run: bool = False) -> None:
    """Add the arguments that choose and shape a pipeline: ``--target``, ``--pipeline``, ``--grid``, ``--tries``.

    Args:
        parser: the parser of a command.
        target: what the help adds about ``--target``; None if engines do not matter to the command.
        earlier_run: whether to add ``--run``, the earlier run that nodes outside the chosen part are taken from, and
            ``--reuse``.
    """
    if target is not None:
        known = f"target engine: {' or '.join(registry.names(registry.TARGETS))}"
        parser.add_argument("--target", "-t", metavar="TARGET", help=f"{known} {target}".rstrip())
    parser.add_argument("--pipeline", "-p", metavar="NAME", help="pipeline, if the file has several")
    where = "directory the steps run in (default: the file's"
    current = [dialect for dialect in registry.dialects() if dialect.project_is_current]
    unlike = f"; for {titles(current)} the current one, if the file is below it" if current else ""
    parser.add_argument("--project", metavar="DIR", help=f"{where}{unlike})")
    nearest = "settings file (default: the nearest translator.toml, in FILE's directory or above it)"
    parser.add_argument("--config", metavar="TOML", help=nearest)
    parser.add_argument("--dialect", metavar="NAME", help="source language (default: detected)")
    parser.add_argument(
        "--stdin-name",
        metavar="PATH",
        default="<stdin>",
        help="with - as FILE: path to assume for the input in messages, and for --project and --config",
    )
    add_ignore(parser)
    _add_language_options(parser, earlier_run=earlier_run)


def _add_language_options(parser: argparse.ArgumentParser, *, earlier_run: bool) -> None:
    """Add the options that only some languages have, each language below its own heading."""
    dialects = registry.dialects()
    grids = parser.add_argument_group(_heading(dialect for dialect in dialects if dialect.repetition is None))
    grids.add_argument(
        "--grid",
        action="append",
        default=[],
        metavar="NODE.PARAM=V,V",
        help="run NODE once per value of PARAM (repeatable)",
    )
    grids.add_argument(
        "--tries", type=positive_integer, metavar="N", help="attempts with 'on-error: retry' (default: 3)"
    )
    if earlier_run:
        reuse_option.add_arguments(grids)
    for dialect in dialects:
        if dialect.options is not None:
            alone = _heading([dialect])
            dialect.options.add(grids if alone == grids.title else parser.add_argument_group(alone))
    _add_part(parser.add_argument_group("Part of a pipeline"), earlier_run=earlier_run)
    takers = parser.add_argument_group(_heading(dialect for dialect in dialects if dialect.graph == "controlflow"))
    takers.add_argument("--parameters-file", metavar="FILE", help="YAML file with initial parameters")
    sharing = parser.add_argument_group(_heading(dialect for dialect in dialects if dialect.in_place))
    here = "run the steps in the project directory itself, as these engines do"
    sharing.add_argument("--in-place", action="store_true", help=here)


def _add_part(parts: ArgumentGroup, *, earlier_run: bool) -> None:
    """Add the options that choose some nodes of a pipeline, or steps that run without one."""
    parts.add_argument("--from", dest="first", metavar="NODE", help="start at this node")
    parts.add_argument("--to", dest="last", metavar="NODE", help="end at this node")
    only = "run only these nodes; for Valohai also steps of the file, without a pipeline"
    parts.add_argument("--step", nargs="+", action="extend", default=[], metavar="NAME", help=only)
    if earlier_run:
        earlier = "run that files and values of other nodes come from (default: the latest)"
        parts.add_argument("--run", dest="earlier_run", metavar="RUN", help=earlier)


def _heading(dialects: Iterable[Dialect]) -> str:
    return f"{titles(dialects)} options"


def choices_of(args: argparse.Namespace) -> Choices:
    """Read the options of the dialects.

    Raises:
        UsageError: there are options of several dialects.
    """
    choices_by_title: dict[str, Choices] = {}
    for dialect in registry.dialects():
        if dialect.options is not None and dialect.options.are_set_in(chosen := dialect.options.read(args)):
            choices_by_title[dialect.title] = chosen
    if len(choices_by_title) > 1:
        raise UsageError(f"options of {' and '.join(choices_by_title)} cannot be combined: a pipeline has one language")
    chosen = next(iter(choices_by_title.values()), Choices())
    return replace(
        chosen,
        in_place=args.in_place,
        steps=tuple(args.step),
        first=args.first,
        last=args.last,
        run=getattr(args, "earlier_run", None),
        pipeline=args.pipeline,
    )


def open_file(args: argparse.Namespace, file: str) -> Loaded:
    """Read a pipeline file with the options of ``add_pipeline_arguments``.

    Args:
        args: the options.
        file: the file; ``-`` is the standard input.

    Raises:
        TranslatorError: the dialect, a step, a parameter or a path does not exist.
    """
    from translator.load import load

    parameters = None if args.parameters_file is None else Path(args.parameters_file)
    return load(
        path_of(args, file),
        dialect=args.dialect,
        project=None if args.project is None else Path(args.project),
        parameters=parameters,
        choices=choices_of(args),
        config=None if args.config is None else Path(args.config),
        ignore=ignored_codes(args.ignore),
        stream=_standard_input() if file == STDIN else None,
        current=Path(),
    )


def _standard_input() -> BinaryIO:
    """Return the standard input.

    Raises:
        UsageError: it is closed.
    """
    if sys.stdin is None:
        raise UsageError("the standard input is closed")
    return sys.stdin.buffer


def path_of(args: argparse.Namespace, file: str) -> Path:
    """Return the path of a pipeline file; for the standard input, that of what it contains."""
    return Path(args.stdin_name if file == STDIN else file)


def choose(loaded: Loaded, name: str | None, *, grid: Sequence[str] = (), tries: int | None = None) -> Pipeline:
    """Return the pipeline that the command line selects, with its options applied.

    Args:
        loaded: the file.
        name: the pipeline's name; None if it is the only one.
        grid: the ``--grid`` options.
        tries: the ``--tries`` option.

    Raises:
        TranslatorError: the pipeline does not exist, there are several, or a grid names something unknown.
        TranslationError: the pipeline has errors.
    """
    from translator.cli.grid_option import with_grids, with_tries

    pipeline = with_grids(loaded.choose(name, BY_OPTION), grid)
    return pipeline if tries is None else with_tries(pipeline, tries)


def check_again(
    pipeline: Pipeline, loaded: Loaded, grid: Sequence[str], target: Target | None, diagnostics: Diagnostics
) -> None:
    """Check a pipeline of a file after ``--grid``, and whether the engine can express it."""
    known = len(diagnostics.found)  # a chosen pipeline has no errors so far
    if pipeline.code is not Code.PATH:
        from translator.code.snapshot import check as check_snapshot

        check_snapshot(pipeline, loaded.config.git_remote, diagnostics)
    if grid:
        from translator.checks import check

        check(pipeline, diagnostics, project=loaded.project)
    if target is not None and not is_bad(diagnostics.found[known:], strict=False):
        target.check(pipeline, diagnostics)
