"""What a command line says of how to read a file, beside the file: the run-time choices of the source tool's own."""

from __future__ import annotations

from argparse import ArgumentTypeError
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

CHOOSERS = ("loom",)
"""The dialects whose pipelines have steps, parameters and paths to choose."""
IN_PLACE = ("loom", "magnus", "runnable")
"""The dialects whose engines run all steps in one folder."""


class SettingsError(ValueError):
    """A choice that cannot be followed; ``hint`` says what would have been right."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        self.hint = hint
        super().__init__(message if hint is None else f"{message}\n  {hint}")


@dataclass(frozen=True, slots=True)
class Settings:
    """Loom's choices: the steps to run, the first one, a group, optional ones; parameters and paths as ``NAME=VALUE``.

    ``extra`` are arguments for the one step that is named; with ``in_place`` steps run in the project's own folder.
    ``parallel`` and ``max_workers`` stand for those of the file's ``execution``.
    """

    steps: tuple[str, ...] = ()
    first: str | None = None
    group: str | None = None
    include: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    extra: str | None = None
    in_place: bool = False
    parallel: bool | None = None
    max_workers: int | None = None


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the choices, as Loom's own command line has them."""
    loom = parser.add_argument_group("choices of Loom's command line")
    which = loom.add_mutually_exclusive_group()
    which.add_argument("--step", nargs="+", action="extend", default=[], metavar="NAME", help="only these steps")
    which.add_argument("--from", dest="first", metavar="NAME", help="this step and all that the file lists after it")
    which.add_argument("--group", metavar="NAME", help="only the steps of this group")
    for option, form, does in (
        ("--include", "NAME", "optional steps to run, too"),
        ("--set", "NAME=VALUE", "other values of parameters than the file's"),
        ("--var", "NAME=PATH", "other paths of data nodes than the file's"),
    ):
        loom.add_argument(option, nargs="+", action="extend", default=[], metavar=form, help=does)
    loom.add_argument("--extra", metavar="ARGS", help='more arguments for the one --step, as in --extra="--top 3"')
    order = loom.add_mutually_exclusive_group()
    order.add_argument("--parallel", action="store_true", default=None, help="run steps as soon as their data allows")
    order.add_argument("--sequential", dest="parallel", action="store_false", help="run steps in the file's order")
    loom.add_argument("--max-workers", type=count, metavar="N", help="how many steps, or files of a loop, at once")
    here = "run the steps in the project's own folder, as Loom, Magnus and runnable do"
    parser.add_argument("--in-place", action="store_true", help=here)


def refuse(settings: Settings, dialect: str) -> None:
    """Refuse settings that the pipelines of a dialect do not have.

    Raises:
        SettingsError: they ask for what only other dialects have.
    """
    if settings.in_place and dialect not in IN_PLACE:
        raise SettingsError(f"--in-place: each step of a {dialect} pipeline has a working folder of its own")
    if replace(settings, in_place=False) != Settings() and dialect not in CHOOSERS:
        only = "only pipelines of Loom have steps, parameters and paths to choose"
        raise SettingsError(f"{only}; this is one of {dialect}", "give values with --param")


def of(args: Namespace) -> Settings:
    """What the arguments of ``add_arguments`` ask for."""
    return Settings(
        steps=tuple(args.step),
        first=args.first,
        group=args.group,
        include=tuple(args.include),
        parameters=tuple(args.set),
        data=tuple(args.var),
        extra=args.extra,
        in_place=args.in_place,
        parallel=args.parallel,
        max_workers=args.max_workers,
    )


def count(text: str) -> int:
    """A number of at least 1, as a type of argparse."""
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a number of at least 1")
    return int(text)
