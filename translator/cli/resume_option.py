"""Define ``--resume``: the earlier run whose complete executions a run keeps, and whose options it has."""

from __future__ import annotations

import sys
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from translator.cli import input_option, param_option, reuse_option
from translator.cli.exit_status import UsageError
from translator.cli.pipeline_options import BY_OPTION
from translator.cli.store_option import make_default_store, open_chosen
from translator.diagnostics import printable
from translator.history.launched import Options
from translator.shim.contract import LATEST

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Collection, Mapping, Sequence

    from translator.history.runs import Run
    from translator.ir import Pipeline, Value
    from translator.load import Loaded


@dataclass(frozen=True, slots=True)
class Resumed:
    """The run that another one resumes, and the options that started it, as far as they are known."""

    run: Run
    options: Options

    def inputs(self, pipeline: Pipeline) -> Mapping[str, Value]:
        """Return the files that inputs had, by the names in an engine's form."""
        own = param_option.names(pipeline)
        return {name: value for name, value in self.options.values.items() if name not in own}

    def parameters(self, pipeline: Pipeline, known: Collection[str]) -> list[str]:
        """Return the values that parameters had, as ``--param`` would have them.

        Args:
            pipeline: the pipeline as it is now.
            known: names of parameters that have a value already.
        """
        from translator.history.parameters import arguments_of, as_argument

        own = param_option.names(pipeline)
        recorded = {name: value for name, value in self.options.values.items() if name in own and name not in known}
        texts = [as_argument(name, value) for name, value in recorded.items()]
        return [*texts, *arguments_of(self.run, pipeline, {*known, *recorded})]


def add_argument(parser: ArgumentParser) -> None:
    """Declare ``--resume``."""
    parser.add_argument(
        "--resume",
        nargs="?",
        const=LATEST,
        metavar="RUN",
        help=(
            "keep the complete executions of an earlier run, and run the others, with the parameters, inputs and grids "
            "of that run unless they are given anew (default: the latest run of the pipeline)"
        ),
    )


def find_resumed(args: Namespace, loaded: Loaded) -> Resumed | None:
    """Return the run that ``--resume`` names, if it does.

    Raises:
        UsageError: the pipeline's executions cannot be kept, or the name is that of the pipeline file.
        HistoryError: the store has no run of this name.
        StoreError: the store cannot be read.
        TranslationError: the pipeline has errors.
    """
    if args.resume is None:
        return None
    from translator.history import launched
    from translator.history.runs import find

    if Path(args.resume).is_file():
        raise UsageError(f"--resume {args.resume}: expected a run; write the pipeline file first")
    pipeline = loaded.choose(args.pipeline, BY_OPTION)
    if not reuse_option.keeps_results(pipeline):
        raise UsageError(f"--resume: executions of {pipeline.dialect} cannot be kept; to run a part, use --from NODE")
    make_default_store(args.store, pipeline.store)
    _, store = open_chosen(args.store, pipeline.store)
    run = find(store, args.resume, pipeline.name)
    options = launched.read(store, pipeline.name, run.name)
    if options is None:
        from translator.shim.outcome.earlier_run import UNFINISHED

        if run.state == UNFINISHED:
            _warn(f"run {run.name} has no record, so its parameters are not known")
        options = Options()
    return Resumed(run, options)


def with_options_of(resumed: Resumed, args: Namespace, pipeline: Pipeline) -> Namespace:
    """Return the options of the command line, with the grids, attempts and reuse of the run that is resumed.

    Args:
        resumed: that run.
        args: the options; what they set stays.
        pipeline: the pipeline without its grids.
    """
    from translator.cli.grid_option import GridOptionError, parse_grid

    def target(text: str) -> tuple[str, str] | None:
        try:
            option = parse_grid(text, pipeline)
        except GridOptionError:
            return None
        return option.node, option.parameter

    options = resumed.options
    anew = [target(text) for text in args.grid]
    for text in options.grid:
        if target(text) is None:
            _warn(f"run {resumed.run.name} had --grid {text}, which the pipeline has no node or parameter for now")
    grid = [text for text in options.grid if target(text) not in {None, *anew}]
    same_reuse = not args.reuse and not args.no_reuse
    return Namespace(
        **{
            **vars(args),
            "grid": [*grid, *args.grid],
            "tries": args.tries if args.tries is not None else options.tries,
            "reuse": _fitting(options.reuse or (), pipeline) if same_reuse else args.reuse,
            "no_reuse": options.reuse is None if same_reuse else args.no_reuse,
        }
    )


def warn_of_secrets(resumed: Resumed, values: Collection[str], grid: Sequence[str]) -> None:
    """Report the values that the record of a run does not have, because they are probably secrets."""
    anew = {*values, *(text.partition("=")[0] for text in grid)}
    if missing := [name for name in resumed.options.withheld if name not in anew]:
        names = ", ".join(missing)
        _warn(f"run {resumed.run.name} had values for {names}, which are not recorded: they may be secrets; give them")


def warn_of_unknown(resumed: Resumed, pipeline: Pipeline) -> None:
    """Report the values that a run had of parameters and inputs which the pipeline no longer has."""
    if pipeline.part is not None:
        return  # the other nodes have them
    known = {*param_option.names(pipeline), *input_option.names(pipeline)}
    if unknown := [name for name in resumed.options.values if name not in known]:
        names = ", ".join(unknown)
        _warn(f"run {resumed.run.name} had values for {names}, which the pipeline has no parameter or input for now")


def options_of(args: Namespace) -> Options:
    """Return the options of the command line that a run with ``--resume`` has again, without its values."""
    return Options(grid=tuple(args.grid), tries=args.tries, reuse=None if args.no_reuse else tuple(args.reuse))


def _fitting(patterns: Sequence[str], pipeline: Pipeline) -> list[str]:
    return [pattern for pattern in patterns if reuse_option.fits(pattern, pipeline)]


def _warn(text: str) -> None:
    sys.stderr.write(printable(f"translate: warning: {text}") + "\n")
