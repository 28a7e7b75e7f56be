"""What must be known of a DAG to tell how a run of it ended, so that it can be told where the DAG file is not.

The first execution of a run writes it beside the run's executions, and the task ``finish`` again, because the DAG may
have changed before the run was cleared. ``airflow_plugin.late`` needs it: the scheduler knows the tasks of a DAG, and
nothing of what the operators of this plugin are made of.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from airflow_plugin.nodes import Node, nodes
from translator.shim.store.manifest import sane

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import DAG

PLAN = "plan.json"


@dataclass(frozen=True, slots=True)
class NodePlan:
    """A node, and what Airflow's states of its tasks mean.

    ``before`` are the tasks that must all be a success before Airflow starts its step, none if it has another rule.
    ``tells`` is whether its task ``done`` is a success only if the node is complete.
    """

    node: Node
    before: tuple[str, ...] = ()
    tells: bool = False

    @property
    def done(self) -> str | None:
        """The last task of the node, if it has several."""
        return next((task for task in self.node.tasks if task.endswith(".done")), None)


def plan_of(dag: DAG, node: Node) -> NodePlan:
    """Read what the states of a node's tasks mean off its DAG."""
    run = dag.get_task(node.run)
    before = sorted(run.upstream_task_ids) if run.trigger_rule == "all_success" else []
    done = next((task for task in node.tasks if task.endswith(".done")), None)
    tells = done is not None and getattr(dag.get_task(done), "needs", None) != "started"
    return NodePlan(node, tuple(before), tells)


def to_json(dag: DAG, run: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Write down the nodes of a DAG, the name of the run in the store, and its parameters."""
    listed = []
    for node in nodes(dag).values():
        plan = plan_of(dag, node)
        own = {key: value for key, value in asdict(node).items() if key not in ("only_if", "included_if")}
        listed.append({**own, "before": plan.before, "tells": plan.tells})
    return {"pipeline": dag.dag_display_name, "run": run, "parameters": sane(dict(parameters)), "nodes": listed}


def from_json(document: Mapping[str, Any]) -> list[NodePlan]:
    """Read the nodes that ``to_json`` wrote."""
    found = []
    for listed in document["nodes"]:
        of_node = {key: value for key, value in listed.items() if key not in ("before", "tells")}
        of_node |= {key: tuple(of_node[key]) for key in ("tasks", "upstream")}
        found.append(NodePlan(Node(**of_node), tuple(listed["before"]), listed["tells"]))
    return found
