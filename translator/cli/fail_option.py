"""Define ``--fail`` and ``--assume``: what a prediction assumes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser


def add_arguments(parser: ArgumentParser) -> None:
    """Declare ``--fail`` and ``--assume``."""
    parser.add_argument(
        "--fail",
        action="append",
        default=[],
        metavar="NODE | NODE[i] | NODE[i]@ATTEMPT | NODE.BRANCH.NODE",
        help="what fails: all executions of a node, one execution, one attempt, or a node in a branch (repeatable); "
        "NODE.i is the same as NODE[i]; a branch is a name, the number of an item or iteration, or * for all of them",
    )
    parser.add_argument(
        "--assume",
        action="append",
        default=[],
        metavar="CONDITION=true|false | NODE.metadata.KEY=VALUE | NODE.approved=false",
        help="result of a condition (Loom); metadata that a node prints, or a rejected approval (Valohai) (repeatable)",
    )
