"""Run ``translate outputs``: list the output files of a past run, or copy them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from translator.cli.exit_status import OK
from translator.cli.parser import Parser
from translator.cli.printing import print_json
from translator.cli.store_option import add_run_and_node, chosen
from translator.diagnostics import columns, printable
from translator.history.files import copy, outputs
from translator.shim.files.sizes import size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from translator.history.records import Execution
    from translator.history.runs import Run
    from translator.shim.store import Store


def main(argv: Sequence[str]) -> int:
    """Run the command; return the exit status."""
    args = parser().parse(argv)
    store, run, executions = chosen(args)
    if args.to is not None:
        return _copy(store, run, executions, Path(args.to))
    files = [(one, file) for one in executions for file in outputs(store, run, one)]
    if args.format == "json":
        documents = [{"execution": one.name, **file.document(), "uri": file.uri} for one, file in files]
        print_json(documents)
        return OK
    table = [(printable(one.name), printable(file.path), size(file.size), file.sha256[:12]) for one, file in files]
    sys.stdout.write("".join(f"{line}\n" for line in columns(table)) or "no outputs\n")
    return OK


def _copy(store: Store, run: Run, executions: Sequence[Execution], target: Path) -> int:
    from translator.shim.store import segment

    count = 0
    for one in executions:
        folder = target / segment(one.node)
        count += copy(store, run, one, folder / str(one.entry["index"]) if one.kind == "task" else folder)
    what = "1 file" if count == 1 else f"{count} files"
    sys.stdout.write(f"copied {what} to {printable(str(target))}\n" if count else "no outputs\n")
    return OK


def parser() -> Parser:
    """Return the parser of the arguments."""
    arguments = Parser("outputs", "List the output files of a run, a node or an execution, or copy them.", page="store")
    add_run_and_node(arguments)
    arguments.add_argument("--to", metavar="DIR", help="copy the files to DIR, into a directory per node and execution")
    return arguments
