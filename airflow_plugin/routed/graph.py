"""The routed graph that a DAG holds, read off its tasks and task groups.

A ``StepOperator`` is a leaf. A task group with a ``join`` is a composite node, and the groups in it are its branches:
a mapped group is the body of a map, a group with the task ``again`` an iteration of a loop. Nodes and branches are
called as tasks and groups are displayed. A node's path is node, branch, node, ..., with ``*`` for the body of a map.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from airflow.sdk.definitions.taskgroup import MappedTaskGroup

from translator.shim.contract import After

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import DAG, TaskGroup

    from translator.shim.contract import NodeKind

Path: TypeAlias = "tuple[str, ...]"
Role: TypeAlias = Literal["step", "join", "enter", "items", "choose", "again"]

BODY = "*"


@dataclass(slots=True)
class Node:
    """A node: ``task`` has its state, ``entry`` is the task that looks how a composite node was reached.

    ``after`` are the outcomes that lead to it. ``fails``: the graph ends in error after it; ``succeeds``: its error
    ends the graph as complete.
    """

    path: Path
    kind: NodeKind = "execution"
    task: str = ""
    entry: str | None = None
    operator: Any = None
    source: Any = None
    after: list[After] = field(default_factory=list)
    fails: bool = False
    succeeds: bool = False
    branches: dict[str, Graph] = field(default_factory=dict)


@dataclass(slots=True)
class Graph:
    """A graph: its nodes by name."""

    path: Path = ()
    nodes: dict[str, Node] = field(default_factory=dict)

    @property
    def start(self) -> Node | None:
        """The node that it starts with: the one that nothing leads to, and that does not say so itself."""
        first = [node for node in self.nodes.values() if not node.after and guard(node) is None]
        return first[0] if first else None

    def next(self, name: str, outcome: Literal["complete", "error"]) -> Node | None:
        """The node that an outcome leads to."""
        leads = After(name, outcome)
        return next((node for node in self.nodes.values() if leads in node.after), None)

    def completes(self, name: str, outcome: Literal["complete", "error"]) -> bool:
        """Whether an outcome that leads to no node ends the graph as complete."""
        node = self.nodes[name]
        return not node.fails if outcome == "complete" else node.succeeds


def read(dag: DAG) -> Graph:
    """The outermost graph of a DAG, in the order of the DAG file."""
    root = Graph()
    places: dict[str, tuple[Path, Role]] = {}
    tasks: list[Any] = list(dag.tasks)
    for task in tasks:
        role: Role | None = getattr(task, "role", None)
        if role is None:
            continue
        path = _path(task, role)
        places[task.task_id] = (path, role)
        if role == "again":
            continue
        node = _node(root, path)
        if role in ("step", "join"):
            node.task, node.operator = task.task_id, task
            node.kind = "execution" if role == "step" else task.kind
            node.fails = task.next == "fail"
            node.succeeds = task.on_failure == "success"
        if role in ("enter", "items", "choose"):
            node.entry, node.source = task.task_id, task
    _connect(root, dag, places)
    return root


def find(root: Graph, path: Path) -> Node:
    """The node at a path."""
    graph = root
    for place in range(0, len(path) - 1, 2):
        graph = graph.nodes[path[place]].branches[path[place + 1]]
    return graph.nodes[path[-1]]


def graph_at(root: Graph, path: Path) -> Graph:
    """The graph at the path of a branch; the outermost one at the empty path."""
    return find(root, path[:-1]).branches[path[-1]] if path else root


def guard(node: Node) -> Sequence[After] | None:
    """What a node says itself that leads to it; None where plain dependencies tell."""
    task = node.operator if node.kind == "execution" else node.source
    return getattr(task, "after", None)


def place_of(task: Any) -> Path:
    """The path of the node that a task is part of; of ``again`` that of its branch."""
    return _path(task, task.role)


def _path(task: Any, role: Role) -> Path:
    groups: list[TaskGroup] = []
    group = task.task_group
    while group is not None and group.group_id:
        groups.insert(0, group)
        group = group.parent_group
    path = [_branch(group) if place % 2 else _shown(group) for place, group in enumerate(groups)]
    return (*path, _named(task)) if role == "step" else tuple(path)


def _shown(group: TaskGroup) -> str:
    return group.group_display_name or str(group.group_id).rpartition(".")[2]


def _branch(group: TaskGroup) -> str:
    if isinstance(group, MappedTaskGroup) or hasattr(group, "_expand_input"):
        return BODY
    again: Any = group.children.get(f"{group.group_id}.again")
    return str(again.number) if getattr(again, "role", None) == "again" else _shown(group)


def _named(task: Any) -> str:
    shown, own = str(task.task_display_name), str(task.task_id)
    return shown if shown != own else own.rpartition(".")[2]


def _node(root: Graph, path: Path) -> Node:
    """The node at a path, made with all that is above it where it is not there yet."""
    graph = root
    for place in range(0, len(path) - 1, 2):
        node = graph.nodes.setdefault(path[place], Node(path[: place + 1]))
        branch = path[: place + 2]
        graph = node.branches.setdefault(path[place + 1], Graph(branch))
    return graph.nodes.setdefault(path[-1], Node(path))


def _connect(root: Graph, dag: DAG, places: Mapping[str, tuple[Path, Role]]) -> None:
    """Read what leads to which node: its guard, or the node of the same graph that a task of it waits for."""
    for task_id, (path, _) in places.items():
        for above in dag.get_task(task_id).upstream_task_ids:
            before, role = places.get(above, ((), "enter"))
            if role not in ("step", "join") or path[: len(before) - 1] != before[:-1] or len(path) < len(before):
                continue
            name = path[len(before) - 1]
            if name != before[-1]:
                node = graph_at(root, before[:-1]).nodes[name]
                leads = After(before[-1], "complete")
                if guard(node) is None and leads not in node.after:
                    node.after.append(leads)
    _guards(root)


def _guards(graph: Graph) -> None:
    for node in graph.nodes.values():
        if (said := guard(node)) is not None:
            node.after = list(said)
        for branch in node.branches.values():
            _guards(branch)
