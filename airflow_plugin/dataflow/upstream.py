"""Read the manifests of upstream executions that count as complete."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_plugin.dag.nodes import nodes
from airflow_plugin.tasks.instances import named_tries, task_states
from translator.shim.store import NoManifestError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from airflow.sdk import Context

    from airflow_plugin.tasks.instances import States
    from translator.shim.contract import Manifest
    from translator.shim.store import Store


def upstream_manifests(context: Context, sources: Iterable[str], store: Store) -> dict[str, tuple[Manifest, ...]]:
    """Return the manifests of some nodes' executions that are successful now, in grid order.

    Tries are requested by task id, because an XComArg would draw an edge past the gate of a node. Instances that no
    longer exist, or were cleared and did not run again, have XComs of earlier attempts, so the state of each decides.
    An instance that failed and that a person marked as success brings what it published.

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
    manifests = {}
    for source, task in runs.items():
        of_task = states.get(task, {})
        tries = named_tries(context, task) if "success" in of_task.values() else {}
        manifests[source] = tuple(complete(store, of_task, tries))
    return manifests


def complete(store: Store, states: States, tries: Mapping[int, str]) -> Iterator[Manifest]:
    """Yield the manifests of a node's executions that are successful now and wrote one, in grid order.

    Args:
        store: the store that the manifests are in.
        states: of the instances of its step.
        tries: by map index the URIs that the instances have named.
    """
    for index in sorted(index for index, state in states.items() if state == "success" and index in tries):
        try:
            yield store.manifest(tries[index])
        except NoManifestError:
            continue  # marked as a success while its command ran, or after its worker was killed
