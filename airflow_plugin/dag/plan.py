"""Describe a DAG so that the state of a run can be derived without its file, in the API server and scheduler.

The task ``finish`` carries it in its serialized form (``FinishOperator.plan``). So Airflow keeps it for each version of
the DAG, and has it before anything of a run has begun.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_plugin.dag.conditions import Condition
from airflow_plugin.dag.nodes import Node, nodes
from airflow_plugin.parameters.dag_params import ParamReference

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import DAG

_OF_PLAN = ("before", "tells", "passes_stopped")
_PASSING = ("EmptyOperator", "none_failed_min_one_success")
"""The task that closes a node whose grid may have no points: it has to succeed although the step is skipped then."""


@dataclass(frozen=True, slots=True)
class NodePlan:
    """A node, and what Airflow's states of its tasks mean.

    ``before`` are the tasks that must all succeed before Airflow starts its step; empty if it has another trigger
    rule. ``tells``: its task ``done`` succeeds only if the node is complete; with ``passes_stopped``, also if some of
    its executions were stopped. ``acting`` are the tasks that evaluate its actions, each with the tasks that must all
    succeed before Airflow starts it.
    """

    node: Node
    before: tuple[str, ...] = ()
    tells: bool = False
    passes_stopped: bool = False
    acting: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def plans_of(dag: DAG) -> list[NodePlan]:
    """Derive the nodes of a dataflow graph from its DAG."""
    return [plan_of(dag, node) for node in nodes(dag).values()]


def plan_of(dag: DAG, node: Node) -> NodePlan:
    """Derive the meaning of the states of a node's tasks from its DAG."""
    run = dag.get_task(node.steps[0])
    # Instances of a batch that was not chosen do not count anyway.
    before = sorted(run.upstream_task_ids) if run.trigger_rule == "all_success" and not node.batches else []
    done = None if node.done is None else dag.get_task(node.done)
    tells = done is not None and getattr(done, "needs", None) != "started"
    passes_stopped = done is not None and (done.task_type, done.trigger_rule) == _PASSING
    return NodePlan(node, tuple(before), tells, passes_stopped, acting_tasks(dag, node))


def acting_tasks(dag: DAG, node: Node) -> dict[str, tuple[str, ...]]:
    """Return the tasks that evaluate actions of a node, each with the tasks that must succeed before it starts."""
    listed = [dag.get_task(task) for task in node.tasks]
    return {
        task.task_id: tuple(sorted(task.upstream_task_ids)) if task.trigger_rule == "all_success" else ()
        for task in listed
        if getattr(task, "actions", None)
    }


def to_json(plans: list[NodePlan]) -> list[dict[str, Any]]:
    """Return the JSON document of some nodes."""
    return [
        {**asdict(plan.node), **{key: getattr(plan, key) for key in _OF_PLAN}, "acting": dict(plan.acting)}
        for plan in plans
    ]


def from_json(document: list[Mapping[str, Any]]) -> list[NodePlan]:
    """Read the nodes that ``to_json`` wrote."""
    planned = []
    for listed in document:
        of_node = {key: value for key, value in listed.items() if key not in (*_OF_PLAN, "acting")}
        of_node |= {key: tuple(of_node[key]) for key in ("tasks", "upstream", "batches") if key in of_node}
        of_node |= {key: tuple(map(_condition, of_node[key])) for key in ("only_if", "included_if")}
        acting = {task: tuple(before) for task, before in listed.get("acting", {}).items()}
        # Versions of a DAG that Airflow has kept do not say whether stopped executions pass.
        passes_stopped = listed.get("passes_stopped", False)
        planned.append(NodePlan(Node(**of_node), tuple(listed["before"]), listed["tells"], passes_stopped, acting))
    return planned


def _condition(document: Mapping[str, Any]) -> Condition:
    of = document["of"]
    return Condition(of if isinstance(of, str) else ParamReference(tuple(of["keys"])), document["expected"])
