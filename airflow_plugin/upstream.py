"""What the nodes before a task left: the manifests of their complete executions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from airflow_plugin.nodes import nodes
from translator.shim import manifest as manifests

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow.sdk import Context

    from translator.shim.contract import Manifest
    from translator.shim.store import Store


def upstream_manifests(context: Context, sources: Iterable[str], store: Store) -> dict[str, tuple[Manifest, ...]]:
    """The manifests of the complete executions of some nodes, in grid order.

    They are pulled by task id, which draws no edge: an XComArg would draw one past the gate of a node. An execution
    that did not complete pushed nothing.

    Args:
        context: of the task that asks.
        sources: names of nodes.
        store: the store that the manifests are in.
    """
    ti = context["ti"]
    wanted = dict.fromkeys(sources)
    tasks = nodes(context["dag"]) if wanted else {}
    found = {}
    for source in wanted:
        pulled = ti.xcom_pull(task_ids=tasks[source].run)
        # Of a mapped task with one value, Airflow gives the value itself.
        summaries = [pulled] if isinstance(pulled, Mapping) else [summary for summary in pulled or () if summary]
        found[source] = tuple(manifests.load(summary, store) for summary in summaries)
    return found
