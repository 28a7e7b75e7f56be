"""Check an installed dialect, target or runner (``python -m translator.conformance``)."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from translator import conformance
from translator.conformance.runners import CHECKS
from translator.diagnostics import printable

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Print what is wrong; return the exit status."""
    args = _parser().parse_args(argv)
    if args.kind == "runner":
        problems = conformance.runner(
            args.name,
            settings=args.settings,
            image=args.image,
            isolated=not args.not_isolated,
            checks=args.check or CHECKS,
        )
    else:
        check = conformance.dialect if args.kind == "dialect" else conformance.target
        problems = check(args.name, args.files)
    for problem in problems:
        sys.stdout.write(f"{printable(problem)}\n")
    return 1 if problems else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m translator.conformance", description="Check a dialect, a target or a runner."
    )
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
    for kind in ("dialect", "target"):
        of_kind = kinds.add_parser(kind, help=f"check a {kind}")
        of_kind.add_argument("name", metavar="NAME", help="the name of its entry point")
        of_kind.add_argument("files", metavar="FILE", nargs="+", type=Path, help="pipeline files without errors")
    of_runner = kinds.add_parser("runner", help="check a runner whose commands run on this machine")
    of_runner.add_argument("name", metavar="NAME", help="the name of its entry point")
    of_runner.add_argument("--image", help="image of the steps that are run; it has sh and python3")
    of_runner.add_argument("--settings", metavar="JSON", type=_settings, default={}, help="settings of these steps")
    of_runner.add_argument(
        "--not-isolated", action="store_true", help="do not check that commands cannot write to the worker's files"
    )
    listed = f"run only this check (repeatable): {', '.join(CHECKS)}"
    of_runner.add_argument("--check", metavar="NAME", action="append", choices=CHECKS, help=listed)
    return parser


def _settings(text: str) -> dict[str, object]:
    """Read the settings.

    Raises:
        argparse.ArgumentTypeError: they are not a JSON object.
    """
    try:
        read = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not JSON: {error}") from None
    if not isinstance(read, dict):
        raise argparse.ArgumentTypeError('expected a JSON object, such as {"pull": "never"}')
    return read


if __name__ == "__main__":
    sys.exit(main())
