"""Read the manifests of upstream executions that count as complete."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_plugin.nodes import nodes
from airflow_plugin.tries import named_tries, task_states
from translator.shim.store import NoManifestError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow.sdk import Context

    from translator.shim.contract import Manifest
    from translator.shim.store import Store


def upstream_manifests(context: Context, sources: Iterable[str], store: Store) -> dict[str, tuple[Manifest, ...]]:
    """Return the manifests of some nodes' executions that are a success now, in grid order.

    The tries are asked for by task id, which draws no edge: an XComArg would draw one past the gate of a node.
    Instances that are no more, and those that were cleared and did not run again, have XComs of earlier attempts, so
    the state of each decides. A person may have marked one as a success that failed: it brings what it left.

    Args:
        context: of the task that asks.
        sources: names of nodes.
        store: the store that the manifests are in.
    """
    wanted = dict.fromkeys(sources)
    if not wanted:
        return {}
    runs = {source: nodes(context["dag"])[source].run for source in wanted}
    states = task_states(context, runs.values())
    found = {}
    for source, task in runs.items():
        complete = sorted(index for index, state in states.get(task, {}).items() if state == "success")
        tries = named_tries(context, task) if complete else {}
        found[source] = tuple(manifests(store, [tries[index] for index in complete if index in tries]))
    return found


def manifests(store: Store, uris: Iterable[str]) -> Iterator[Manifest]:
    """Yield the manifests of tries that came to write one."""
    for uri in uris:
        try:
            yield store.manifest(uri)
        except NoManifestError:
            continue  # marked as a success while its command ran, or after its worker was killed
