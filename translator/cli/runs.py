"""Run ``translate runs``: list the runs in an artifact store."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from translator.cli.exit_status import OK
from translator.cli.parser import Parser
from translator.cli.printing import print_json
from translator.cli.store_option import add_history, store_of
from translator.diagnostics import columns, printable
from translator.history.runs import runs
from translator.history.times import duration, local, seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from translator.history.runs import Run
    from translator.shim.store import Store

_SHOWN = 20


def main(argv: Sequence[str]) -> int:
    """Run the command; return the exit status."""
    args = parser().parse(argv)
    store = store_of(args)
    known = runs(store, args.pipeline)
    shown = known if args.all else known[:_SHOWN]
    if args.format == "json":
        print_json([_document(store, run) for run in shown])
        return OK
    where = printable(store.root.removeprefix("file://"))
    if not known:
        sys.stdout.write(f"no runs in {where}\n")
        return OK
    table = [("PIPELINE", "RUN", "STATE", "ENGINE", "STARTED", "DURATION"), *(_row(run) for run in shown)]
    sys.stdout.write("".join(f"{line}\n" for line in columns(table)))
    more = f"; {len(known) - len(shown)} earlier runs: --all" if len(known) > len(shown) else ""
    sys.stdout.write(f"\nstore: {where}{more}\n")
    return OK


def parser() -> Parser:
    """Return the parser of the arguments."""
    arguments = Parser("runs", "List the runs in an artifact store, the latest first.", page="store")
    add_history(arguments)
    arguments.add_argument("--all", "-a", action="store_true", help=f"list all runs, not only the latest {_SHOWN}")
    return arguments


def _row(run: Run) -> tuple[str, ...]:
    record = run.record
    took = duration(seconds(record["started"], record["ended"]))
    cells = (record["pipeline"], run.name, run.state, record["engine"], local(record["started"]), took)
    return tuple(printable(cell) for cell in cells)


def _document(store: Store, run: Run) -> dict[str, Any]:
    record = run.record
    head = {key: record[key] for key in ("pipeline", "engine", "state", "started", "ended")}
    length = seconds(record["started"], record["ended"])
    return {"run": run.name, **head, "seconds": length, "location": store.uri(run.key), "problem": run.flaw}
