"""Run ``translate show``: show the nodes, parameters, metrics and files of a past run."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from translator.cli.exit_status import OK
from translator.cli.parser import Parser
from translator.cli.printing import print_json
from translator.cli.store_option import RUN_HELP, add_history, run_of
from translator.diagnostics import columns, printable
from translator.history.times import duration, local, seconds
from translator.run.table import table
from translator.shim.contract import LATEST

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from translator.history.runs import Run
    from translator.shim.store import Store


def main(argv: Sequence[str]) -> int:
    """Run the command; return the exit status."""
    args = parser().parse(argv)
    store, run = run_of(args, args.run)
    if args.format == "json":
        document = {**run.record, "location": store.uri(run.key), "problem": run.flaw}
        print_json(document)
        return OK
    sys.stdout.write("".join(f"{line}\n" for line in columns([row for row in _head(store, run) if row[1]])))
    if run.record["nodes"]:
        sys.stdout.write(f"\n{table(run.record, files=True)}")
    return OK


def parser() -> Parser:
    """Return the parser of the arguments."""
    arguments = Parser("show", "Show the states, parameters, metrics and files of a run.", page="store")
    arguments.add_argument("run", metavar="RUN", nargs="?", default=LATEST, help=RUN_HELP)
    add_history(arguments)
    return arguments


def _head(store: Store, run: Run) -> Iterator[tuple[str, str]]:
    from translator.shim.parameters.grid import label

    record = run.record
    took = duration(seconds(record["started"], record["ended"]))
    started = local(record["started"])
    yield "pipeline", printable(record["pipeline"])
    yield "run", printable(run.name)
    yield "engine", printable(record["engine"])
    yield "state", printable(run.state) + (f": {printable(run.flaw)}" if run.flaw else "")
    yield "started", f"{started}, took {took}" if took else started
    if record.get("parameters"):
        yield "parameters", printable(label(record["parameters"]))
    yield "location", printable(store.uri(run.key).removeprefix("file://"))
