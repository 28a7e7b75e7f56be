"""See the batches of a node that runs batch by batch as one mapped task.

Each batch is a mapped task of its own, whose instances count from 0. Everything that judges a node looks at the
instances of its task ``run``: here, those of all batches are found under it, with the indexes of the executions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from airflow_plugin.dag.nodes import Node
    from airflow_plugin.tasks.instances import States

Value = TypeVar("Value")


def with_states(nodes: Iterable[Node], states: Mapping[str, States]) -> dict[str, States]:
    """Return the states of instances by task, with those of batches also under the node's ``run``.

    Instances of a batch that was not chosen, because its search was stopped or it was cleared, are past: they are left
    out, and so is the state of a batch without instances.

    Args:
        nodes: the nodes.
        states: by task the states of its instances.
    """
    joined = dict(states)
    for node in _in_batches(nodes):
        of_node: States = {}
        for ask, step in zip(node.choosing, node.batches, strict=True):
            if states.get(ask, {}).get(-1) == "success":
                listed = states.get(step, {}).items()
                of_node |= {node.index(step, index): state for index, state in listed if index >= 0}
        if of_node:
            joined[node.run] = of_node
    return joined


def with_values(nodes: Iterable[Node], values: Mapping[str, Mapping[int, Value]]) -> dict[str, Mapping[int, Value]]:
    """Return values by task and map index, with those of batches also under the node's ``run``."""
    joined = dict(values)
    for node in _in_batches(nodes):
        of_node = {
            node.index(step, index): value for step in node.batches for index, value in values.get(step, {}).items()
        }
        if of_node:
            joined[node.run] = of_node
    return joined


def with_indexes(nodes: Iterable[Node], indexes: Mapping[str, Collection[int]]) -> dict[str, Collection[int]]:
    """Return map indexes by task, with those of batches also under the node's ``run``."""
    joined = dict(indexes)
    for node in _in_batches(nodes):
        if of_node := {node.index(step, index) for step in node.batches for index in indexes.get(step, ())}:
            joined[node.run] = of_node
    return joined


def _in_batches(nodes: Iterable[Node]) -> Iterable[Node]:
    return (node for node in nodes if node.batches)
