"""Say why an execution was stopped, in the same words on each engine."""

from __future__ import annotations


def of_failure(node: str, *, several: bool = False) -> str:
    """Return the reason of what stops because of a failure.

    Args:
        node: the node that failed.
        several: whether one of its executions failed while others may still run.
    """
    return f"an execution of {node!r} failed" if several else f"node {node!r} failed"
