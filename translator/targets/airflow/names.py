"""Name the tasks of a DAG: their ids, and the variables of the tasks of a node."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from translator.names import IDENTIFIER_LENGTH, free, title_identifiers
from translator.nodes import step_nodes

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from translator import ir

MAX_ID_LENGTH = 250
"""Airflow's limit for the id of a DAG, and for that of a task including the ids of its groups."""
PARTS = ("starting", "grid", "run", "done", "actions")
"""The ids of the tasks of a node with several tasks."""
BATCH = re.compile("(ask|run)_[0-9]+")
"""The ids of the tasks of a batch of a search: the one that chooses it, and its step."""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
"""Ids that Airflow accepts; dots separate the ids of groups."""


def task_ids(names: Sequence[str], reserved: Collection[str] = ()) -> dict[str, str]:
    """Return the ids of tasks or groups: their names, or where Airflow does not accept these, in letters that it does.

    Args:
        names: the names of nodes or branches in the same group.
        reserved: the ids of other tasks in the group.
    """
    own = {name for name in names if _ID.fullmatch(name) and len(name) <= IDENTIFIER_LENGTH and name not in reserved}
    others = {name: name for name in names if name not in own}
    unique = title_identifiers(others, {*own, *reserved}, shadow_builtins=True)
    return {name: name if name in own else unique[name] for name in names}


def node_ids(pipeline: ir.Pipeline) -> dict[str, str]:
    """Return by node of a dataflow graph the id of its task or group, without that of the group it is shown in."""
    shown_together: dict[str | None, list[str]] = {}
    for node in step_nodes(pipeline).values():
        shown_together.setdefault(node.group, []).append(node.name)
    ids: dict[str, str] = {}
    for group, names in shown_together.items():
        of_nodes = (*PARTS, *filter(BATCH.fullmatch, names))
        ids |= task_ids(names, ("finish",) if group is None else of_nodes)
    return ids


def part_variables(
    variables: Mapping[str, str], reserved: Iterable[str], searches: Collection[str] = ()
) -> dict[str, dict[str, str]]:
    """Return by node the variables of its tasks, if it is a group: ``starting``, ``grid`` and ``run``.

    A node that runs batch by batch has others: its ``search``, the tasks ``ask`` and ``run`` of a batch, and all of
    them as its ``batches``.

    Args:
        variables: by node, its own variable.
        reserved: other names of the file.
        searches: the nodes that run batch by batch.
    """
    taken = {*variables.values(), *reserved}
    parts: dict[str, dict[str, str]] = {}
    for node, variable in variables.items():
        parts[node] = {}
        for part in ("starting", *(("search", "ask", "run", "batches") if node in searches else ("grid", "run"))):
            parts[node][part] = free(f"{variable.rstrip('_')}_{part}", taken)
            taken.add(parts[node][part])
    return parts
