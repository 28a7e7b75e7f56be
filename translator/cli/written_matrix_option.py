"""Define ``--matrix`` of generated files: a workflow that runs the pipeline once per combination of values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator.cli.exit_status import UsageError
from translator.shim.masking import is_sensitive
from translator.shim.masking.uris import has_password
from translator.targets import WritesMatrices

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Mapping, Sequence

    from translator.diagnostics import Diagnostics
    from translator.ir import Pipeline, Value
    from translator.targets import Target

_OPTION = "--matrix"


def add_argument(parser: ArgumentParser) -> None:
    """Declare ``--matrix``."""
    parser.add_argument(
        _OPTION,
        action="append",
        default=[],
        metavar="NAME=VALUE,VALUE...",
        help="also write a workflow that runs the pipeline once per value, or per combination of values if repeated",
    )


def check(args: Namespace, target: Target, names: Sequence[str]) -> None:
    """Check whether a workflow of several runs can be written.

    Args:
        args: the options.
        target: the engine.
        names: the pipelines to translate.

    Raises:
        UsageError: it cannot.
    """
    if not args.matrix:
        return
    if not isinstance(target, WritesMatrices):
        raise UsageError(f"{_OPTION} does not apply to {target.NAME}")
    if args.output is None:
        raise UsageError(f"{_OPTION} writes a second file", "name the directory for both with -o")
    if len(names) > 1:
        raise UsageError(f"{_OPTION} sets parameters of one pipeline", "choose it with --pipeline NAME")
    for name, _, values in (text.partition("=") for text in args.matrix):
        if is_sensitive(name.rpartition(".")[2]) or has_password(values):
            raise UsageError(f"{_OPTION} {name}: the generated file would contain its values, which may be secrets")


def combinations(pipeline: Pipeline, args: Namespace, diagnostics: Diagnostics) -> Sequence[Mapping[str, Value]]:
    """Return the values of the parameters in each run; none without the option.

    Args:
        pipeline: the pipeline.
        args: the options.
        diagnostics: where to report unknown names and bad values.
    """
    if not args.matrix:
        return ()
    from translator.cli import matrix_option

    return matrix_option.combinations(pipeline, args.matrix, (), diagnostics)
