"""Define ``--ignore CODE``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator.cli.exit_status import UsageError

if TYPE_CHECKING:
    import argparse


def add_ignore(parser: argparse.ArgumentParser) -> None:
    """Add the option."""
    parser.add_argument(
        "--ignore",
        action="append",
        default=[],
        metavar="CODE",
        help="do not report warnings and notes with this code (repeatable); translate rule lists the codes",
    )


def ignored_codes(options: list[str]) -> tuple[str, ...]:
    """Return the codes that the options name, separated by commas.

    Raises:
        UsageError: a code is missing, does not exist, or is that of errors.
    """
    if any(not option.strip(" ,") for option in options):
        raise UsageError("--ignore needs a code, such as --ignore missing-script; translate rule lists them")
    codes = tuple(code.strip() for option in options for code in option.split(",") if code.strip())
    if codes:
        from translator.source.ignores import refusal

        for code in codes:
            reason = refusal(code)
            if reason is not None:
                raise UsageError(f"--ignore {code}: {reason[0]}; {reason[1]}")
    return codes
