"""Read the manifests of upstream executions that count as complete, in this run or an earlier one."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from airflow_plugin.dag.nodes import nodes
from airflow_plugin.exceptions import NodeError
from airflow_plugin.run.directory import run_directory
from airflow_plugin.run.pipeline import pipeline_of
from airflow_plugin.run.waiting import let_upstream_end
from airflow_plugin.tasks import batches
from airflow_plugin.tasks.instances import existing_tasks, listed_states, named_tries, states_by_task
from translator.shim.store import NoManifestError

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence

    from airflow.sdk import Context

    from airflow_plugin.dag.nodes import Node
    from airflow_plugin.tasks.instances import States
    from translator.shim.contract import ArtifactSource, Manifest, Value, ValueSource
    from translator.shim.store import Store


class MissingNodeError(NodeError):
    """A node that only the DAG file of the worker has, which is newer than the run."""


def edge_manifests(
    context: Context, edges: Iterable[ArtifactSource | ValueSource], store: Store
) -> dict[str, tuple[Manifest, ...]]:
    """Return by node the manifests of the executions that edges start at, also of nodes that are left out of the DAG.

    Args:
        context: of the task that asks.
        edges: the edges.
        store: the store that the manifests are in.

    Raises:
        MissingNodeError: the run has no task instances of a node.
        translator.shim.outcome.earlier_run.EarlierRunError: no earlier run has a node that is left out.
    """
    from translator.shim.outcome import earlier_run

    listed = list(edges)
    manifests = upstream_manifests(context, (edge.source for edge in listed if edge.run is None), store, wait=True)
    earlier = {edge.source: (edge.run, edge.may_fail) for edge in listed if edge.run is not None}
    if earlier:
        pipeline, run = pipeline_of(context["dag"]), run_directory(context, store)
        for node, (wanted, may_fail) in earlier.items():
            manifests[node] = earlier_run.manifests(store, pipeline, run, node, wanted, may_fail=may_fail)
    return manifests


def edge_values(
    edges_by_name: Mapping[str, ValueSource],
    upstream: Mapping[str, Sequence[Manifest]],
    warn: Callable[..., None],
    *,
    several: Container[str] = (),
    kind: str = "parameter",
) -> dict[str, Value]:
    """Return the values that edges bring; of one that brings none, the task's log warns.

    Args:
        edges_by_name: the edges, by what they set.
        upstream: by source node, the manifests of its complete executions.
        warn: writes a warning, as the task's logger does.
        several: the names that take several values.
        kind: what has these names.
    """
    from translator.shim.inputs import edges

    values: dict[str, Value] = {}
    for name, edge in edges_by_name.items():
        brings, value = edges.value(edge, upstream, many=name in several)
        if brings:
            values[name] = value
        else:
            warn("%s passes no value: %s %r keeps its value", edges.describe(edge), kind, name)
    return values


def upstream_manifests(
    context: Context, sources: Iterable[str], store: Store, *, wait: bool = False
) -> dict[str, tuple[Manifest, ...]]:
    """Return the manifests of some nodes' executions that are successful now, in grid order.

    Tries are requested by task id, because an XComArg would draw an edge past the gate of a node. Instances that no
    longer exist, or were cleared and did not run again, have XComs of earlier attempts, so the state of each decides.
    An instance that failed and that a person marked as success brings what it published.

    Args:
        context: of the task that asks.
        sources: names of nodes.
        store: the store that the manifests are in.
        wait: whether to wait for executions that a person cleared together with this task.

    Raises:
        MissingNodeError: the run has no task instances of a node.
    """
    wanted = dict.fromkeys(sources)
    if not wanted:
        return {}
    of_dag = nodes(context["dag"])
    wanted_nodes = [of_dag[source] for source in wanted]
    tasks = context["dag"].task_dict
    listed_tasks = [task for node in wanted_nodes for task in (*node.steps, *_batch_choices(node))]
    listed = let_upstream_end(context, listed_tasks) if wait else listed_states(context, listed_tasks)
    existing = existing_tasks(listed, tasks)
    if missing := [node.name for node in wanted_nodes if not existing.intersection(node.steps)]:
        names = ", ".join(map(repr, missing))
        raise MissingNodeError(f"{names} was added to the DAG file after this run had begun: start a new run")
    states = states_by_task(listed, tasks)
    tries: Mapping[str, Mapping[int, str]] = {
        step: named_tries(context, step, states[step])
        for node in wanted_nodes
        for step in node.steps
        if "success" in states.get(step, {}).values()
    }
    states, tries = batches.with_states(wanted_nodes, states), batches.with_values(wanted_nodes, tries)
    return {
        node.name: tuple(complete(store, states.get(node.run, {}), tries.get(node.run, {}))) for node in wanted_nodes
    }


def _batch_choices(node: Node) -> tuple[str, ...]:
    """Return the tasks that decide whether instances of a batch count."""
    return node.choosing if node.batches else ()


def complete(store: Store, states: States, tries: Mapping[int, str]) -> Iterator[Manifest]:
    """Yield the manifests of a node's executions that are successful now and wrote one, in grid order.

    Args:
        store: the store that the manifests are in.
        states: of the instances of its step.
        tries: by map index the URIs that the instances have named.
    """
    yield from complete_by_index(store, states, tries).values()


def complete_by_index(store: Store, states: States, tries: Mapping[int, str]) -> dict[int, Manifest]:
    """Return by index what ``complete`` yields."""
    manifests = {}
    for index in sorted(index for index, state in states.items() if state == "success" and index in tries):
        # Without a manifest, it was marked as a success while its command ran, or after its worker was killed.
        with contextlib.suppress(NoManifestError):
            manifests[index] = store.manifest(tries[index])
    return manifests
