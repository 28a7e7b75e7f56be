"""Tell the members of a distributed task of one that is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect import get_run_logger

from translator.shim.contract import ExecutionId
from translator.shim.distributed import group
from translator.shim.store import StoreError, open_store

if TYPE_CHECKING:
    from prefect_plugin.run.run_state import NodeRun


def lose_member(node: NodeRun, index: int, reason: str) -> None:
    """Let the other members of a distributed task know that one has failed, which may not have been able to say so.

    Args:
        node: the node, which is a distributed task.
        index: the index of the failed member.
        reason: what Prefect says of it.
    """
    run, members = node.run, node.group.members if node.group is not None else 0
    identity = ExecutionId(run.pipeline, run.id, node.name, index, kind=node.kind)
    try:
        group.lose(open_store(run.store), identity, members=members, round_name=run.started, reason=reason)
    except StoreError as error:
        get_run_logger().warning("the other members of %s do not know that one has failed: %s", node.name, error)
