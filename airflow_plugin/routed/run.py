"""A run of a routed graph as one of its tasks sees it: where the token is, and the scope that a node finds."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_plugin.routed.graph import BODY, Graph, Node, Path, find, graph_at, guard, read
from airflow_plugin.settings import run_id, store_uri
from translator.shim import fan, scopes
from translator.shim.contract import After, ExecutionId, State
from translator.shim.store import open_store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Context

    from translator.shim.contract import Dialect, Manifest, Scope

_STATES = {"success": State.COMPLETE, "failed": State.ERROR}


class Run:
    """What a task must know of its run.

    Args:
        context: the task's.
        dialect: the source language.
        index: of the item, in a task in the body of a map.
    """

    def __init__(self, context: Context, dialect: Dialect, index: int | None = None) -> None:
        self._context = context
        self._dialect = dialect
        self._index = index
        self.pipeline = context["dag"].dag_display_name
        self.run = run_id(context)
        self.store = open_store(store_uri())
        self.root = read(context["dag"])

    @cached_property
    def states(self) -> Mapping[str, str]:
        """The states of all tasks of the run, by Airflow's keys."""
        ti = self._context["ti"]
        return dict(ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id]).get(ti.run_id, {}))

    def of_item(self, index: int) -> Run:
        """The same run, as the tasks of one item of a map see it."""
        other = Run(self._context, self._dialect, index)
        other.__dict__["states"] = self.states
        return other

    def state(self, node: Node) -> State:
        """How a node ended; skipped where it was not reached, or was stopped."""
        return _STATES.get(self.states.get(self.key(node.task, node), ""), State.SKIPPED)

    def key(self, task_id: str, node: Node) -> str:
        """Airflow's key for the state of a task of ``node``."""
        return f"{task_id}_{self._index}" if BODY in node.path else task_id

    def identity(self, path: Path, attempt: int = 1) -> ExecutionId:
        """The execution of a node, or of its fan-in."""
        kind = find(self.root, path).kind
        return ExecutionId(self.pipeline, self.run, self.name(path), 0, attempt, kind)

    def name(self, path: Path) -> str:
        """The dotted path of a node in this run."""
        return ".".join(str(self._index) if part == BODY else part for part in path)

    def came(self, node: Node) -> After | None:
        """The outcome by which the token came to a node; None at the start of its graph, and if it did not come."""
        said = guard(node)
        if said is None:
            return node.after[0] if node.after else None
        graph = graph_at(self.root, node.path[:-1])
        wanted = {State.COMPLETE: "complete", State.ERROR: "error"}
        for after in said:
            if wanted.get(self.state(graph.nodes[after.name])) == after.outcome:
                return after
        return None

    def chosen(self, path: Path) -> bool:
        """Whether all choices around a node have chosen the branches that it is in."""
        for place in range(1, len(path) - 1, 2):
            node = find(self.root, path[:place])
            if node.kind == "choice" and fan.case(self.found(node.path), node.source.on, node.branches) != path[place]:
                return False
        return True

    def found(self, path: Path) -> Scope:
        """The scope that a node finds."""
        node = find(self.root, path)
        came = self.came(node)
        return self.left((*path[:-1], came.name)) if came else self.begun(path[:-1])

    def left(self, path: Path) -> Scope:
        """The scope that a node leaves; one that was killed leaves what it found."""
        manifest = self.manifest(path)
        return manifest.scope if manifest is not None and manifest.scope is not None else self.found(path)

    def manifest(self, path: Path) -> Manifest | None:
        """The manifest of a node's last try."""
        found = self.store.manifests(self.pipeline, self.run, self.name(path))
        return found[-1] if found else None

    def begun(self, path: Path) -> Scope:
        """The scope that a graph begins with."""
        if not path:
            parameters = dict(self._context["params"])
            return scopes.initial(self._dialect, parameters, os.environ)
        composite, branch = find(self.root, path[:-1]), path[-1]
        if composite.kind == "loop":
            return self._iteration(composite, int(branch))
        outer = self.found(composite.path)
        if composite.kind == "map":
            item = fan.items(outer, composite.source.over)[self._index or 0]
            return scopes.enter(outer, item={composite.source.item: item})
        return scopes.enter(outer)

    def _iteration(self, loop: Node, number: int) -> Scope:
        again: Any = self._context["dag"].get_task(_again(loop, number))
        before = self.found(loop.path)
        if number:
            before = self.follow(loop.branches[str(number - 1)])[1] or before
        return scopes.enter(before, loop={again.index: number} if again.index else None)

    def follow(self, graph: Graph) -> tuple[State, Scope | None]:
        """How a graph ended, and the scope that its last node left; skipped if it was not begun."""
        node, scope = graph.start, None
        state = State.SKIPPED
        while node is not None:
            of_node = self.state(node)
            if of_node is State.SKIPPED:
                return (State.SKIPPED if scope is None else State.STOPPED), scope
            scope = self.left(node.path)
            outcome = "complete" if of_node is State.COMPLETE else "error"
            name = node.path[-1]
            node = graph.next(name, outcome)  # type: ignore[arg-type]  # one of the two
            if node is None:
                state = State.COMPLETE if graph.completes(name, outcome) else State.ERROR  # type: ignore[arg-type]
        return state, scope


def _again(loop: Node, number: int) -> str:
    """The id of the task that begins an iteration."""
    return f"{loop.task.rpartition('.')[0]}.iteration_{number}.again"
