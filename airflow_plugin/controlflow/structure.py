"""Derive the control-flow graph of a DAG from its tasks and task groups.

A ``ControlFlowStepOperator`` is a leaf. A task group with a ``join`` is a composite node, and the groups in it are its
branches. A group with the task ``again`` is an iteration of a loop. A group with the task ``items`` is the body of
a map. Nodes and branches have the display names of tasks and groups. A node's path is node, branch, node, ..., with
``*`` for the body of a map.

A mapped group holds nodes that run once per item. It is not part of a path: Airflow cannot map in a mapped group, so
a body that contains a map has several mapped groups.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from airflow_plugin.dag.cache import once_per_dag
from airflow_plugin.dag.references import name_of
from airflow_plugin.exceptions import DagError
from translator.shim.contract import DEFAULT_DIALECT, After
from translator.shim.outcome.plans import BODY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import DAG, TaskGroup

    from translator.shim.contract import Dialect, NodeKind

Path: TypeAlias = "tuple[str, ...]"
Role: TypeAlias = Literal["step", "join", "enter", "items", "choose", "again"]

STEP = "ControlFlowStepOperator"
"""The operator of a leaf, as Airflow stores it."""

_PLAIN = ("path", "kind", "task", "entry", "guarded", "fails", "succeeds")
_OF_STEPS = ("step", "dialect")
_SAYS: Mapping[Role, tuple[str, ...]] = {"items": ("over", "item"), "choose": ("on",), "step": ("step",)}


@dataclass(slots=True)
class Node:
    """A node: ``task`` has its state, ``entry`` is the task that checks how the token reached a composite node.

    ``after`` are the outcomes that lead to it; if ``guarded``, its own arguments declare them, otherwise its upstream
    tasks do. ``fails``: the graph fails after it; ``succeeds``: its failure ends the graph as complete. ``says`` are
    arguments of its tasks.
    """

    path: Path
    kind: NodeKind = "execution"
    task: str = ""
    entry: str | None = None
    after: list[After] = field(default_factory=list)
    guarded: bool = False
    fails: bool = False
    succeeds: bool = False
    branches: dict[str, Graph] = field(default_factory=dict)
    says: dict[str, Any] = field(default_factory=dict)

    @property
    def maps(self) -> int:
        """Return the nesting depth in maps."""
        return self.path.count(BODY)


@dataclass(slots=True)
class Graph:
    """A graph: its nodes by name, and the node that each outcome of a node leads to.

    ``entry`` is the task that begins an iteration, ``index`` the variable with the iteration's number. ``earlier`` are
    the outcomes of an earlier run after which a part of a pipeline starts; what reads a run afterwards needs none.
    """

    path: Path = ()
    nodes: dict[str, Node] = field(default_factory=dict)
    leads: dict[After, Node] = field(default_factory=dict)
    entry: str | None = None
    index: str | None = None
    earlier: list[After] = field(default_factory=list)

    @property
    def start(self) -> Node | None:
        """Return the node that it starts with: nothing leads to it, and it has no ``after``."""
        return next((node for node in self.nodes.values() if not node.after and not node.guarded), None)

    def next(self, name: str, outcome: Literal["complete", "error"]) -> Node | None:
        """Return the node that an outcome leads to."""
        return self.leads.get(After(name, outcome))

    def completes(self, name: str, outcome: Literal["complete", "error"]) -> bool:
        """Return whether an outcome that leads to no node ends the graph as complete."""
        node = self.nodes[name]
        return not node.fails if outcome == "complete" else node.succeeds


@once_per_dag
def read(dag: DAG) -> Graph:
    """Return the outermost graph of a DAG, in the order of the DAG file."""
    root = Graph()
    places: dict[str, tuple[Path, Role]] = {}
    for task in dag.tasks:
        role = role_of(task)
        if role is None:
            continue
        path = place_of(task)
        places[task.task_id] = (path, role)
        if role == "again":
            graph = _graph(root, path)
            graph.entry, graph.index = task.task_id, argument_of(task, "index")
            continue
        node = _graph(root, path[:-1]).nodes.setdefault(path[-1], Node(path))
        if role in ("step", "join"):
            node.task = task.task_id
            node.kind = "execution" if role == "step" else argument_of(task, "kind")
            node.fails = argument_of(task, "next") == "fail"
            node.succeeds = argument_of(task, "on_failure") == "success"
        else:
            node.entry = task.task_id
        if role != "join" and (after := argument_of(task, "after")) is not None:
            if any(one.run is not None for one in after):
                root.earlier = list(after)
            else:
                node.after, node.guarded = list(after), True
        node.says |= {name: argument_of(task, name) for name in _SAYS.get(role, ())}
        if role == "step":
            # A mapped task gets the DAG's own defaults only when it runs.
            shared = argument_of(task, "dialect") or dag.default_args.get("dialect", DEFAULT_DIALECT)
            node.says["dialect"] = node.says["step"].in_dialect(shared).dialect
    _connect(root, dag, places)
    _look_ahead(root)
    return root


def to_json(graph: Graph) -> dict[str, Any]:
    """Return the JSON document of a graph, without what only its tasks need."""
    return {
        "path": graph.path,
        "entry": graph.entry,
        "index": graph.index,
        "nodes": [
            {
                **{name: getattr(node, name) for name in _PLAIN},
                "after": [[after.name, after.outcome] for after in node.after],
                "says": {name: value for name, value in node.says.items() if name not in _OF_STEPS},
                "branches": {name: to_json(branch) for name, branch in node.branches.items()},
            }
            for node in graph.nodes.values()
        ],
    }


def from_json(document: Mapping[str, Any]) -> Graph:
    """Read the graph that ``to_json`` wrote."""
    root = _from_json(document)
    _look_ahead(root)
    return root


def _from_json(document: Mapping[str, Any]) -> Graph:
    graph = Graph(tuple(document["path"]), entry=document["entry"], index=document["index"])
    for listed in document["nodes"]:
        node = Node(**{name: listed[name] for name in _PLAIN}, says=listed["says"])
        node.path = tuple(node.path)
        node.after = [After(*after) for after in listed["after"]]
        node.branches = {name: _from_json(branch) for name, branch in listed["branches"].items()}
        graph.nodes[node.path[-1]] = node
    return graph


def dialect_of(graph: Graph) -> Dialect:
    """Return the source language of the pipeline.

    Raises:
        DagError: the graph has no step.
    """
    waiting = [graph]
    while waiting:
        for node in waiting.pop().nodes.values():
            if "step" in node.says:
                dialect: Dialect = node.says["dialect"]
                return dialect
            waiting.extend(node.branches.values())
    raise DagError(
        "the DAG has a ControlFlowFinishOperator, but no ControlFlowStepOperator",
        "add the steps, or use FinishOperator for a pipeline with edges (Valohai, Loom)",
    )


def find(root: Graph, path: Path) -> Node:
    """Return the node at a path."""
    return graph_at(root, path[:-1]).nodes[path[-1]]


def graph_at(root: Graph, path: Path) -> Graph:
    """Return the graph at the path of a branch; the outermost one at the empty path."""
    graph = root
    for place in range(0, len(path), 2):
        graph = graph.nodes[path[place]].branches[path[place + 1]]
    return graph


def role_of(task: Any) -> Role | None:
    """Return the role of a task in its node; None for the task that ends the run."""
    of_class: Any = task.operator_class if task.is_mapped else type(task)
    return getattr(of_class, "role", None)


def argument_of(task: Any, name: str) -> Any:
    """Return an argument of a task, mapped or not."""
    return task.partial_kwargs.get(name) if task.is_mapped else getattr(task, name, None)


def place_of(task: Any) -> Path:
    """Return the path of the node that a task is part of; for ``again`` the path of its iteration."""
    groups: list[TaskGroup] = []
    group = task.task_group
    while group is not None and group.group_id:
        groups.insert(0, group)
        group = group.parent_group
    path: list[str] = []
    for place, group in enumerate(groups):
        mapped = hasattr(group, "_expand_input")
        if len(path) % 2 and f"{groups[place - 1].group_id}.items" in groups[place - 1].children:
            path.append(BODY)
            if not mapped:
                path.append(name_of(group))
        elif not mapped:
            path.append(_branch(group) if len(path) % 2 else name_of(group))
    return (*path, name_of(task)) if task.task_type == STEP else tuple(path)


def _branch(group: TaskGroup) -> str:
    own = str(group.group_id)
    return own.rpartition("_")[2] if f"{own}.again" in group.children else name_of(group)


def _graph(root: Graph, path: Path) -> Graph:
    """Return the graph at a path; create it and its parents if it does not exist."""
    graph = root
    for place in range(0, len(path), 2):
        node = graph.nodes.setdefault(path[place], Node(path[: place + 1]))
        graph = node.branches.setdefault(path[place + 1], Graph(path[: place + 2]))
    return graph


def _connect(root: Graph, dag: DAG, places: Mapping[str, tuple[Path, Role]]) -> None:
    """Derive what leads to a node without ``after``: the nodes of its graph that one of its tasks waits for."""
    for task_id, (path, _) in places.items():
        for above in dag.get_task(task_id).upstream_task_ids:
            before, role = places.get(above, ((), "enter"))
            if role not in ("step", "join") or path[: len(before) - 1] != before[:-1] or len(path) < len(before):
                continue
            name = path[len(before) - 1]
            if name != before[-1]:
                node = graph_at(root, before[:-1]).nodes[name]
                leads = After(before[-1], "complete")
                if not node.guarded and leads not in node.after:
                    node.after.append(leads)


def _look_ahead(graph: Graph) -> None:
    """Record where each outcome of a node leads, in a graph and in those of its branches."""
    for node in graph.nodes.values():
        for after in node.after:
            graph.leads.setdefault(after, node)
        for branch in node.branches.values():
            _look_ahead(branch)
