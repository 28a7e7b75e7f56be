"""Run ``translate why``: explain why executions ran although results could be reused."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from translator.cli.exit_status import OK
from translator.cli.parser import Parser
from translator.cli.printing import print_json
from translator.cli.store_option import add_run_and_node, chosen
from translator.cli.two_values import both
from translator.diagnostics import columns, printable
from translator.history.reuse import explain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from translator.history.reuse import Explanation

_MOST = 30
"""The maximum number of changes that are printed for an execution."""


def main(argv: Sequence[str]) -> int:
    """Run the command; return the exit status."""
    args = parser().parse(argv)
    store, run, executions = chosen(args)
    explanations = [explain(store, run, one) for one in executions]
    if args.format == "json":
        print_json([_document(one) for one in explanations])
        return OK
    sys.stdout.write("\n".join("".join(f"{printable(line)}\n" for line in _lines(one)) for one in explanations))
    return OK


def parser() -> Parser:
    """Return the parser of the arguments."""
    description = "Explain why an execution ran: what it depends on that differs from the nearest earlier execution."
    arguments = Parser("why", description, page="how-to/reuse")
    add_run_and_node(arguments)
    return arguments


def _lines(explanation: Explanation) -> Iterator[str]:
    yield f"{explanation.execution.name}: {explanation.reason}"
    if explanation.earlier is None:
        return
    run, name = explanation.earlier
    yield f"  nearest: {name} of run {run}"
    rows = [("", "", "then", "now")] if explanation.changes else []
    rows += [(one.part, one.name, *both(one.then, one.now)) for one in explanation.changes[:_MOST]]
    yield from (f"  {line}" for line in columns([tuple(printable(cell) for cell in row) for row in rows]))
    if len(explanation.changes) > _MOST:
        yield f"  {len(explanation.changes) - _MOST} more; all of them: --format json"


def _document(explanation: Explanation) -> dict[str, object]:
    earlier = explanation.earlier
    return {
        "execution": explanation.execution.name,
        "reason": explanation.reason,
        "nearest": None if earlier is None else {"run": earlier[0], "execution": earlier[1]},
        "changes": [
            {"part": one.part, "name": one.name, "then": one.then, "now": one.now} for one in explanation.changes
        ],
    }
