"""Show what would happen if executions failed (``translate explain``)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from translator.cli import fail_option, param_option
from translator.cli.exit_status import FAILED, OK, USAGE
from translator.cli.parser import Parser
from translator.cli.pipeline_options import add_file, add_pipeline_arguments, choose, open_file
from translator.cli.printing import show
from translator.diagnostics import Diagnostics, TranslationError
from translator.explain.pipeline import explain
from translator.explain.result import as_json, as_text
from translator.explain.runtime_values import read_assumptions

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str]) -> int:
    """Run the command; return the exit status.

    Raises:
        TranslatorError: the pipeline does not exist, or there are several.
    """
    args = parser().parse(argv)
    loaded = open_file(args, args.file)
    problems = Diagnostics()
    try:
        pipeline = choose(loaded, args.pipeline, grid=args.grid, tries=args.tries)
    except TranslationError as error:
        show(error.diagnostics, loaded.sources)
        return FAILED
    values = param_option.values(pipeline, args.param, problems)
    known = read_assumptions(pipeline, args.assume, problems)
    explanation = explain(pipeline, args.fail, values, known, problems) if problems.ok else None
    if explanation is None:
        show(problems, loaded.sources)
        return USAGE
    sys.stdout.write(as_json(explanation) if args.format == "json" else as_text(explanation))
    return OK


def parser() -> Parser:
    """Return the parser of the arguments."""
    description = "Predict the state of every node and of the run, without running anything."
    arguments = Parser("explain", description, page="semantics")
    add_file(arguments)
    add_pipeline_arguments(arguments, target=None)
    param_option.add_argument(arguments)
    fail_option.add_arguments(arguments)
    arguments.add_argument("--format", choices=("text", "json"), default="text", help="output format (default: text)")
    return arguments
