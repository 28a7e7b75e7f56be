"""Define ``--matrix``: one run of the pipeline for each combination of values of its parameters."""

from __future__ import annotations

import itertools
import json
from math import prod
from typing import TYPE_CHECKING

from translator.cli.exit_status import UsageError
from translator.cli.param_option import CODE, axis_items, values
from translator.names import enumeration

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Container, Iterable, Mapping, Sequence

    from translator.diagnostics import Diagnostics
    from translator.ir import Pipeline, Value

OPTION = "--matrix"
MAX_RUNS = 1000
"""The maximum number of runs of a matrix."""


def add_argument(parser: ArgumentParser) -> None:
    """Declare ``--matrix``."""
    parser.add_argument(
        OPTION,
        action="append",
        default=[],
        metavar="NAME=VALUE,VALUE...",
        help="start one run per value, or per combination of values if repeated; values as for --param, or a JSON list",
    )


def check(args: Namespace) -> None:
    """Check what cannot be combined with a matrix.

    Raises:
        UsageError: another option applies to a single run only, or only to a matrix.
    """
    if args.matrix and args.resume is not None:
        raise UsageError("use either --matrix or --resume", "resume the runs one by one")
    if args.format == "json" and not args.matrix:
        hint = "for a single run, see: translate show --format json"
        raise UsageError("--format json is the summary of --matrix", hint)


def combinations(
    pipeline: Pipeline, texts: Iterable[str], known: Container[str], diagnostics: Diagnostics
) -> Sequence[Mapping[str, Value]]:
    """Return the values of the parameters in each run.

    Args:
        pipeline: the pipeline to run.
        texts: the arguments of ``--matrix``.
        known: the parameters that other options set.
        diagnostics: where to report unknown names and bad values.

    Returns:
        By run, values by ``NAME`` or ``NODE.PARAMETER``; the values of the last axis change fastest.
    """
    axes: dict[str, Sequence[Value]] = {}
    for text in texts:
        axis = _axis(pipeline, text, diagnostics)
        if axis is None:
            continue
        name, several = axis
        if name in axes:
            diagnostics.error(CODE, f"{OPTION} {name} is set twice", None, hint="separate values with commas")
        elif name in known:
            diagnostics.error(CODE, f"{OPTION} {name}: --param sets this parameter, too", None)
        axes[name] = several
    runs = prod(map(len, axes.values()))
    if runs > MAX_RUNS:
        diagnostics.error(CODE, f"{OPTION} gives {runs} runs of {enumeration(axes)}; at most {MAX_RUNS} start", None)
    if not diagnostics.ok:
        return ()
    return [dict(zip(axes, point, strict=True)) for point in itertools.product(*axes.values())]


def _axis(pipeline: Pipeline, text: str, diagnostics: Diagnostics) -> tuple[str, Sequence[Value]] | None:
    """Return the name of a parameter and its values; None if something is wrong with them."""
    try:
        name, texts = axis_items(pipeline, text)
    except ValueError as error:
        diagnostics.error(CODE, f"{OPTION} {text.partition('=')[0]}: {error}", None)
        return None
    if not texts:
        diagnostics.error(CODE, f"{OPTION} {text}: expected NAME=VALUE,VALUE or NODE.PARAMETER=VALUE,VALUE", None)
        return None
    several: list[Value] = []
    for item in texts:
        known = len(diagnostics.found)
        parsed = values(pipeline, [f"{name}={item}"], diagnostics, option=OPTION)
        if len(diagnostics.found) > known:
            return None
        ((name, value),) = parsed.items()
        if json.dumps(value) in map(json.dumps, several):
            diagnostics.error(CODE, f"{OPTION} {name} has the value {item} twice", None)
            return None
        several.append(value)
    return name, several
