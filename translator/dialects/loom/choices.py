"""Define the options of Loom's command line: which steps run, and other values and paths."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from translator.dialects.choices import ChoiceError, Choices, Options, positive_integer

if TYPE_CHECKING:
    from argparse import Namespace

    from translator.dialects.choices import ArgumentGroup


@dataclass(frozen=True, slots=True)
class LoomChoices(Choices):
    """A group of steps to run, optional steps; parameters and paths as ``NAME=VALUE``.

    ``extra`` are arguments for the one named step. ``parallel`` and ``max_workers`` replace those of the file's
    ``execution``.
    """

    group: str | None = None
    include: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    extra: str | None = None
    parallel: bool | None = None
    max_workers: int | None = None


def add_arguments(loom: ArgumentGroup) -> None:
    """Declare the options of Loom's own command line, except ``--step`` and ``--from``."""
    loom.add_argument("--group", metavar="NAME", help="run only the steps of this group")
    for option, form, does in (
        ("--include", "NAME", "include these optional steps"),
        ("--set", "NAME=VALUE", "override values of parameters"),
        ("--var", "NAME=PATH", "override paths of data nodes"),
    ):
        loom.add_argument(option, nargs="+", action="extend", default=[], metavar=form, help=does)
    extra = 'append arguments to the command of the only --step: --extra="--top 3"'
    loom.add_argument("--extra", metavar="ARGS", help=extra)
    order = loom.add_mutually_exclusive_group()
    order.add_argument(
        "--parallel", action="store_true", default=None, help="run each step as soon as its data is ready"
    )
    order.add_argument(
        "--sequential", dest="parallel", action="store_false", help="run steps one at a time, in file order"
    )
    many = "maximum number of concurrent steps, or of concurrent files in a loop"
    loom.add_argument("--max-workers", type=positive_integer, metavar="N", help=many)


def read(args: Namespace) -> LoomChoices:
    """Read the options of ``add_arguments``.

    Raises:
        ChoiceError: two of them choose steps.
    """
    for option, chosen in (("--step", args.step), ("--from", args.first), ("--to", args.last)):
        if args.group is not None and chosen:
            raise ChoiceError(f"--group cannot be combined with {option}")
    return LoomChoices(
        group=args.group,
        include=tuple(args.include),
        parameters=tuple(args.set),
        data=tuple(args.var),
        extra=args.extra,
        parallel=args.parallel,
        max_workers=args.max_workers,
    )


OPTIONS = Options(LoomChoices, "steps, parameters and paths to choose", add_arguments, read)
