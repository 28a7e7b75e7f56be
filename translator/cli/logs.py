"""Run ``translate logs``: print what the executions of a past run printed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from translator.cli.exit_status import FAILED, OK
from translator.cli.parser import Parser
from translator.cli.printing import print_json
from translator.cli.store_option import add_run_and_node, chosen
from translator.diagnostics import printable
from translator.dialects.choices import positive_integer
from translator.history.files import log

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str]) -> int:
    """Run the command; return the exit status: 1 if there is no log."""
    args = parser().parse(argv)
    store, run, executions = chosen(args)
    texts = [(one, log(store, run, one, args.attempt)) for one in executions]
    logs = [(one, text) for one, text in texts if text is not None]
    if args.format == "json":
        documents = [{"execution": one.name, "state": one.entry["state"], "log": text} for one, text in logs]
        print_json(documents)
        return OK if logs else FAILED
    for one, text in logs:
        if len(executions) > 1:
            sys.stdout.write(f"==> {printable(one.name)}: {printable(one.entry['state'])}\n")
        sys.stdout.write("".join(f"{printable(line)}\n" for line in text.splitlines()))
    if not logs:
        sys.stderr.write("translate: there is no log\n")
        return FAILED
    return OK


def parser() -> Parser:
    """Return the parser of the arguments."""
    arguments = Parser("logs", "Print the logs of a run, a node or an execution.", page="store")
    add_run_and_node(arguments)
    arguments.add_argument(
        "--attempt",
        type=positive_integer,
        metavar="N",
        help="print the log of attempt N (default: the one in run.json)",
    )
    return arguments
