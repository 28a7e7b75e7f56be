"""Define ``--reuse`` and ``--no-reuse``: the nodes that use the results of earlier executions."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from translator.cli.exit_status import UsageError
from translator.names import did_you_mean
from translator.nodes import reusable_nodes

if TYPE_CHECKING:
    from argparse import Namespace

    from translator.dialects.choices import ArgumentGroup
    from translator.ir import Pipeline

ALL = "*"


def add_arguments(parser: ArgumentGroup) -> None:
    """Declare ``--reuse`` and ``--no-reuse``."""
    either = parser.add_mutually_exclusive_group()
    either.add_argument(
        "--reuse",
        action="append",
        nargs="?",
        const=ALL,
        default=[],
        metavar="PATTERN",
        help=(
            "use the results of earlier executions that depend on the same command, code, parameters and inputs, for "
            "the nodes with these names (default: all; repeatable)"
        ),
    )
    either.add_argument("--no-reuse", action="store_true", help="run all nodes, whatever the pipeline file says")


def with_reuse(pipeline: Pipeline, args: Namespace) -> Pipeline:
    """Return a pipeline whose nodes reuse results as the options say.

    Raises:
        UsageError: a pattern fits no node, or the executions of the pipeline cannot be reused.
    """
    if not args.reuse and not args.no_reuse:
        return pipeline
    nodes = reusable_nodes(pipeline)
    for pattern in args.reuse:
        if Path(pattern).is_file():
            raise UsageError(f"--reuse {pattern}: expected the name of a node; write the pipeline file first")
        if not fits(pattern, pipeline):
            raise UsageError(f"--reuse {pattern}: no node has this name", did_you_mean(pattern, nodes, "nodes"))
    if args.reuse and not keeps_results(pipeline):
        raise UsageError(f"--reuse: executions of {pipeline.dialect} cannot be reused; to run a part, use --from NODE")
    changed = {
        name: replace(
            node,
            policy=replace(
                node.policy, reuse=not args.no_reuse and (node.policy.reuse or _is_chosen(name, args.reuse))
            ),
        )
        for name, node in nodes.items()
    }
    graph = replace(pipeline.graph, nodes=tuple(changed.get(node.name, node) for node in pipeline.nodes))
    return replace(pipeline, graph=graph)


def fits(pattern: str, pipeline: Pipeline) -> bool:
    """Return whether a node of a pipeline can reuse results and has a name that fits a pattern."""
    return any(fnmatchcase(name, pattern) for name in reusable_nodes(pipeline))


def keeps_results(pipeline: Pipeline) -> bool:
    """Return whether the store has all that the steps of a pipeline depend on.

    Steps that work in the project's directory use files whose contents are not recorded.
    """
    from translator.shim import run_contract

    return run_contract.load(pipeline.dialect).home is not None


def _is_chosen(name: str, patterns: list[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
