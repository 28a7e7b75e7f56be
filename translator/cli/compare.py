"""Run ``translate compare``: compare two runs, of either engine."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from translator.cli.exit_status import FAILED, OK, UsageError
from translator.cli.parser import Parser
from translator.cli.printing import print_json
from translator.cli.store_option import add_history, run_of
from translator.cli.two_values import both
from translator.diagnostics import columns, printable
from translator.history.comparison import details, differences, rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from translator.history.records import Record

_MOST = 50
"""The maximum number of differences that are printed."""


def main(argv: Sequence[str]) -> int:
    """Run the command; return 0 if the runs are equal, 1 if they differ."""
    args = parser().parse(argv)
    records = []
    for name in (args.left, args.right):
        _, run = run_of(args, name)
        if run.flaw is not None:
            raise UsageError(f"the run {name!r} cannot be compared: {run.flaw}")
        records.append(run.record)
    left, right = records
    differing = differences(left, right)
    if args.format == "json":
        listed = [{"where": one.where, "left": one.left, "right": one.right} for one in differing]
        document = {"equal": not differing, "differences": listed}
        print_json(document)
    else:
        sys.stdout.write("".join(f"{line}\n" for line in _lines(left, right, len(differing))))
    return FAILED if differing else OK


def parser() -> Parser:
    """Return the parser of the arguments."""
    arguments = Parser(
        "compare", "Compare two runs: states, parameters, metrics and output files, byte by byte.", page="store"
    )
    name = "run id, the beginning of one, 'latest', or the path of a run.json"
    arguments.add_argument("left", metavar="RUN", help=name)
    arguments.add_argument("right", metavar="RUN", help="another run")
    add_history(arguments)
    return arguments


def _lines(left: Record, right: Record, count: int) -> Iterator[str]:
    head = [("", "", _title(left), _title(right), "files")]
    states = [(one.name, one.kind, one.left, one.right, one.files) for one in rows(left, right)]
    yield from columns([tuple(printable(cell) for cell in row) for row in (*head, *states)])
    changed = details(left, right)
    if changed:
        yield ""
        shown = [(one.place, one.name, *both(one.left, one.right)) for one in changed[:_MOST]]
        yield from columns([tuple(printable(cell) for cell in row) for row in shown])
        if len(changed) > _MOST:
            yield f"{len(changed) - _MOST} more; all of them: --format json"
    yield ""
    shown_count = "1 difference" if count == 1 else f"{count} differences"
    yield f"{shown_count}; all of them: --format json" if count else "The same states, parameters, metadata and bytes."


def _title(record: Record) -> str:
    return f"{record['run']} ({record['engine']})"
