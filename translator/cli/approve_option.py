"""Define ``--approve``: approvals that a local run gives itself, where nobody is at the terminal or should be asked."""

from __future__ import annotations

from dataclasses import dataclass
from shlex import quote
from typing import TYPE_CHECKING

from translator.cli.exit_status import UsageError
from translator.names import did_you_mean, enumeration
from translator.nodes import requires_approval, step_nodes

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Collection

    from translator.ir import Pipeline

ALL = "all"


@dataclass(frozen=True, slots=True)
class Approvals:
    """The nodes whose approvals a run gives itself, and whether it asks a person for those of others."""

    nodes: tuple[str, ...]
    asks: bool


def add_argument(parser: ArgumentParser) -> None:
    """Declare ``--approve``."""
    parser.add_argument(
        "--approve",
        action="append",
        default=[],
        metavar="NODE | all",
        help="approve what the node requires an approval for (repeatable), or all nodes; by default, you are asked",
    )


def of_run(pipeline: Pipeline, names: Collection[str], *, at_terminal: bool) -> Approvals:
    """Return who gives the approvals that a pipeline requires.

    Args:
        pipeline: the pipeline.
        names: the arguments of the options.
        at_terminal: whether a person at a terminal is asked for the others.

    Raises:
        UsageError: a node requires no approval, or nobody can be asked for one that requires an approval.
    """
    asking = [node.name for node in step_nodes(pipeline).values() if requires_approval(node)]
    wrong = [name for name in names if name not in asking and name != ALL]
    if wrong:
        hint = did_you_mean(wrong[0], asking, "nodes that do") if asking else None
        raise UsageError(f"--approve {wrong[0]}: no node {wrong[0]!r} requires an approval", hint)
    missing = [name for name in asking if name not in names and ALL not in names]
    if missing and not at_terminal:
        verb = "requires" if len(missing) == 1 else "require"
        message = f"{enumeration(missing)} {verb} an approval, and there is no terminal to ask at"
        raise UsageError(message, f"approve it: --approve {quote(missing[0])}, or --approve all")
    return Approvals(tuple(name for name in asking if name not in missing), bool(missing))
