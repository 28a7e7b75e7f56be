"""Define the options that the commands share: the file, the pipeline and the grids."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from translator import registry
from translator.cli.exit_status import UsageError
from translator.cli.ignore_option import add_ignore, ignored_codes
from translator.cli.printing import is_bad
from translator.dialects import Choices, titles
from translator.dialects.choices import positive_integer

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from translator.diagnostics import Diagnostics
    from translator.ir import Pipeline
    from translator.load import Loaded
    from translator.targets import Target


STDIN = "-"
"""The argument that stands for the standard input."""
BY_OPTION = "with --pipeline NAME"
"""How to choose one pipeline of several; see ``translator.load.Loaded.name_of``."""


def add_pipeline_arguments(parser: argparse.ArgumentParser, *, target_required: bool | None) -> None:
    """Add the arguments that choose and shape a pipeline: ``--target``, ``--pipeline``, ``--grid``, ``--tries``.

    Args:
        parser: the parser of a command.
        target_required: whether the command needs an engine; None if engines do not matter to it.
    """
    if target_required is not None:
        known = f"target engine: {' or '.join(registry.names(registry.TARGETS))}"
        parser.add_argument("--target", "-t", metavar="TARGET", required=target_required, help=known)
    parser.add_argument(
        "--stdin-name",
        metavar="PATH",
        default="<stdin>",
        help="with - as FILE: path of what the standard input contains, for messages, --project and --config",
    )
    parser.add_argument("--dialect", metavar="NAME", help="source language (default: detected)")
    parser.add_argument("--project", metavar="DIR", help="directory the steps run in (default: the file's)")
    nearest = "settings file (default: the nearest translator.toml, in FILE's directory or above it)"
    parser.add_argument("--config", metavar="TOML", help=nearest)
    takers = [dialect for dialect in registry.dialects() if dialect.graph == "controlflow"]
    parser.add_argument(
        "--parameters-file", metavar="FILE", help=f"YAML file with initial parameters ({titles(takers)})"
    )
    add_ignore(parser)
    parser.add_argument("--pipeline", "-p", metavar="NAME", help="pipeline, if the file has several")
    parser.add_argument(
        "--grid",
        action="append",
        default=[],
        metavar="NODE.PARAM=V,V",
        help="run NODE once per value of PARAM (repeatable)",
    )
    parser.add_argument(
        "--tries", type=positive_integer, metavar="N", help="attempts with 'on-error: retry' (default: 3)"
    )
    for dialect in registry.dialects():
        if dialect.options is not None:
            dialect.options.add(parser)
    sharing = [dialect for dialect in registry.dialects() if dialect.in_place]
    here = f"run the steps in the project directory itself, as {titles(sharing)} do"
    parser.add_argument("--in-place", action="store_true", help=here)


def choices_of(args: argparse.Namespace) -> Choices:
    """Read the options of the dialects.

    Raises:
        UsageError: there are options of several dialects.
    """
    choices_by_title: dict[str, Choices] = {}
    for dialect in registry.dialects():
        if dialect.options is not None and dialect.options.asked(chosen := dialect.options.read(args)):
            choices_by_title[dialect.title] = chosen
    if len(choices_by_title) > 1:
        raise UsageError(f"options of {' and '.join(choices_by_title)} cannot be combined: a pipeline has one language")
    return replace(next(iter(choices_by_title.values()), Choices()), in_place=args.in_place)


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
        project=project_of(args, file),
        parameters=parameters,
        choices=choices_of(args),
        config=None if args.config is None else Path(args.config),
        ignore=ignored_codes(args.ignore),
        stream=sys.stdin.buffer if file == STDIN else None,
    )


def path_of(args: argparse.Namespace, file: str) -> Path:
    """Return the path of a pipeline file; for the standard input, that of what it contains."""
    return Path(args.stdin_name if file == STDIN else file)


def project_of(args: argparse.Namespace, file: str) -> Path:
    """Return the directory in which the steps of a pipeline file run."""
    return path_of(args, file).parent if args.project is None else Path(args.project)


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
    from translator.cli.grid_option import convert, with_tries

    pipeline = convert(loaded.choose(name, BY_OPTION), grid)
    return pipeline if tries is None else with_tries(pipeline, tries)


def check_again(pipeline: Pipeline, args: argparse.Namespace, target: Target | None, diagnostics: Diagnostics) -> None:
    """Check a pipeline after ``--grid``, and whether the engine can express it."""
    known = len(diagnostics.found)  # a chosen pipeline has no errors so far
    if args.grid:
        from translator.checks import check

        check(pipeline, diagnostics, project=project_of(args, args.file))
    if target is not None and not is_bad(diagnostics.found[known:], strict=False):
        target.check(pipeline, diagnostics)
