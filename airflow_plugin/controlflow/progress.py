"""Read a run of a control-flow graph from Airflow: where its token is, and the scope of each node."""

from __future__ import annotations

import copy
import os
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeAlias

from airflow_plugin.controlflow.structure import Graph, Node, Path, find, graph_at
from translator.shim.contract import After, ExecutionId, Scope, State
from translator.shim.controlflow import fan, scopes
from translator.shim.outcome import earlier_run
from translator.shim.outcome.earlier_run import EarlierRunError
from translator.shim.outcome.plans import BODY
from translator.shim.parameters.grid import label
from translator.shim.store import NoManifestError, open_store

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow_plugin.controlflow.queries import RunQueries
    from translator.shim.contract import Dialect, Json, Manifest

Index: TypeAlias = "tuple[int, ...]"
"""The index of the item in each enclosing map, outermost first."""

_STATES = {"success": State.COMPLETE, "failed": State.ERROR}
_OUTCOMES: Mapping[State, Literal["complete", "error"]] = {State.COMPLETE: "complete", State.ERROR: "error"}
_NONE = -1


@dataclass(slots=True)
class _Cache:
    """A cache of Airflow's answers, for all items: a run is read only while one task runs."""

    folder: str | None = None
    states: dict[str, str | None] = field(default_factory=dict)
    all_states: bool = False
    items: dict[Path, Mapping[Index, int]] = field(default_factory=dict)
    tries: dict[str, Mapping[int, str]] = field(default_factory=dict)
    manifests: dict[str, Manifest | None] = field(default_factory=dict)
    scopes: dict[str, Scope] = field(default_factory=dict)


class Run:
    """The context of a task in its run.

    Args:
        airflow: what Airflow knows of the run.
        dialect: the source language.
        index: of the items that the task is for, if it is in the body of a map.
    """

    def __init__(self, airflow: RunQueries, dialect: Dialect, index: Index = ()) -> None:
        self._airflow = airflow
        self.dialect = dialect
        self._cache = _Cache()
        self.index = index
        self.pipeline = airflow.pipeline
        self.store = open_store(airflow.store)
        self.root = airflow.root

    @cached_property
    def problem(self) -> str | None:
        """Return why no node of the run can run: its parameters are invalid; most tasks need not know."""
        if isinstance(self._earlier, EarlierRunError):
            return str(self._earlier)
        return scopes.refusal(self.dialect, dict(self._airflow.params), os.environ)

    @cached_property
    def _earlier(self) -> Scope | EarlierRunError | None:
        """Return the scope of an earlier run with which the graph starts, or why there is none; None if none counts."""
        if not self.root.earlier:
            return None
        try:
            return earlier_run.scope(self.store, self.pipeline, self.folder(), self.root.earlier)
        except EarlierRunError as error:
            return error

    def of(self, index: Index) -> Run:
        """Return the same run, as seen by the tasks for other items."""
        other = copy.copy(self)
        other.index = index
        return other

    def folder(self, tries: Iterable[str] = ()) -> str:
        """Return the run's name in the store; ``tries`` are URIs of manifests of its executions, if there are any."""
        if self._cache.folder is None:
            self._cache.folder = self._airflow.folder(self.store, tries)
        return self._cache.folder

    # What Airflow knows

    def ask_all(self) -> None:
        """Ask for the states of all tasks at once, before many of them are looked at."""
        if not self._cache.all_states:
            self._cache.states = dict(self._airflow.states())
            self._cache.all_states = True

    def task_state(self, task_id: str, path: Path) -> str | None:
        """Return Airflow's state of a task of the node at a path."""
        number = self._number(path)
        key = task_id if number is None else f"{task_id}_{number}"
        if key not in self._cache.states and not self._cache.all_states:
            self._cache.states |= {key: None, **self._airflow.states(task_id, number)}
        return self._cache.states.get(key)

    def state(self, node: Node) -> State:
        """Return how a node ended; skipped if it was not reached, or was stopped."""
        return _STATES.get(self.task_state(node.task, node.path) or "", State.SKIPPED)

    def was_cut(self, node: Node) -> bool:
        """Return whether a node ran until a person marked the run as failed."""
        return self.task_state(node.task, node.path) == "running"

    def is_marked(self, node: Node) -> bool:
        """Return whether a person marked a node as failed while it ran."""
        number = self._number(node.path)
        return self.task_state(node.task, node.path) == "failed" and (
            -1 if number is None else number
        ) in self._airflow.marked(node.task)

    def indexes(self, path: Path) -> Mapping[Index, int]:
        """Return the items of a map, for all items of the enclosing maps, and Airflow's number of each."""
        if path not in self._cache.items:
            listed = self._airflow.items(find(self.root, path).entry or "")
            self._cache.items[path] = {tuple(item["index"]): number for number, item in enumerate(listed)}
        return self._cache.items[path]

    def indexes_of(self, node: Node) -> list[Index]:
        """Return the items of a map for this item of the enclosing maps."""
        return [index for index in self.indexes(node.path) if index[: node.maps] == self.index]

    def _number(self, path: Path) -> int | None:
        """Return Airflow's map index of a task: its item's number among all items of the innermost map."""
        maps = path.count(BODY)
        if not maps:
            return None
        return self.index[0] if maps == 1 else self.indexes(innermost(path)).get(self.index[:maps], _NONE)

    # Where the token is

    def reached(self, path: Path) -> bool:
        """Return whether the token came to a node."""
        node = find(self.root, path)
        return self._matching(node) is not None if node.after or node.guarded else self.begins(path[:-1])

    def may_be_left_out(self, path: Path) -> bool:
        """Return whether a choice may leave out a node or an iteration although Airflow starts its tasks.

        Airflow does so in a mapped group, where a branching task skips nothing.
        """
        path = path if len(path) % 2 else path[:-1]
        if BODY not in path or find(self.root, path).after:
            return False
        above = path[:-2]
        kind = find(self.root, above).kind if above else "map"
        return kind == "choice" or (kind in ("parallel", "loop") and self.may_be_left_out(above))

    def begins(self, path: Path) -> bool:
        """Return whether the token came to a graph."""
        if not path:
            return True
        composite, graph = find(self.root, path[:-1]), graph_at(self.root, path)
        match composite.kind:
            case "map":
                return True
            case "loop" if graph.entry:
                return self.task_state(graph.entry, composite.path) == "success"
            case "choice":
                return self._entered(composite) and self.case(composite) == path[-1]
            case _ if composite.entry:
                return self._entered(composite)
            case _:
                return self.reached(composite.path)

    def _entered(self, composite: Node) -> bool:
        return self.task_state(composite.entry or "", composite.path) == "success"

    def _matching(self, node: Node) -> After | None:
        graph = graph_at(self.root, node.path[:-1])
        ends = (after for after in node.after if _OUTCOMES.get(self.state(graph.nodes[after.name])) == after.outcome)
        return next(ends, None)

    def follow(self, graph: Graph, *, begun: bool = False) -> tuple[State, Scope | None]:
        """Return how a graph ended, and the scope of its last node; skipped if the graph did not begin.

        Args:
            graph: the graph.
            begun: whether the graph is known to have begun.
        """
        if not begun and not self.begins(graph.path):
            return State.SKIPPED, None
        node, scope = graph.start, None
        state = State.COMPLETE
        while node is not None:
            of_node = self.state(node)
            if of_node is State.SKIPPED:
                return State.STOPPED, scope
            scope = self.scope_after(node.path)
            outcome = _OUTCOMES[of_node]
            name = node.path[-1]
            node = graph.next(name, outcome)
            if node is None:
                state = State.COMPLETE if graph.completes(name, outcome) else State.ERROR
        return state, scope

    # What a node sees

    def name(self, path: Path) -> str:
        """Return the dotted path of a node in this run."""
        of_items = iter(self.index)
        return ".".join(str(next(of_items)) if part == BODY else part for part in path)

    def identity(self, path: Path, attempt: int = 1) -> ExecutionId:
        """Return the execution of a node, or of its fan-in."""
        kind = find(self.root, path).kind
        return ExecutionId(self.pipeline, self.folder(), self.name(path), 0, attempt, kind)

    def case(self, node: Node) -> str:
        """Return the branch that a choice takes.

        Raises:
            FanError: there is none, or the parameters of the run are invalid.
        """
        self._check()
        return fan.case(self.scope_before(node.path), node.says["on"], node.branches)

    def chosen(self, node: Node) -> str:
        """Return the branch that a choice ran, not the one that it would choose now; all of its tasks have ended.

        Raises:
            FanError: there is none, or the run was given parameters that cannot be used.
        """
        starts = {name: graph.start for name, graph in node.branches.items()}
        ran = [name for name, start in starts.items() if start and self._has_run(start.entry or start.task, start.path)]
        return ran[0] if len(ran) == 1 else self.case(node)

    def _has_run(self, task_id: str, path: Path) -> bool:
        return self.task_state(task_id, path) not in (None, "skipped")

    def items(self, node: Node) -> list[Json]:
        """Return the items of a map, for one item of each enclosing map.

        Raises:
            FanError: there is no list of them, or the parameters of the run are invalid.
        """
        self._check()
        return fan.items(self.scope_before(node.path), node.says["over"])

    def label(self, node: Node, item: Json) -> str:
        """Return the label of an item of a map, after those of enclosing maps."""
        names = {name: str(value) for name, value in self.scope_before(node.path).items.items()}
        return label({**names, str(node.says["item"]): str(item)})

    def changed(self, path: Path, label: str) -> str | None:
        """Return why a node cannot run for its item: the list changed after the map listed it; None if it did not.

        A person may clear the step that writes the list, and not the task that lists its items.

        Args:
            path: of the node.
            label: the label of the item when the map listed it.
        """
        node = find(self.root, innermost(path))
        try:
            items = self.items(node)
        except fan.FanError as error:
            why = str(error)
        else:
            number = self.index[node.maps]
            if number < len(items) and self.label(node, items[number]) == label:
                return None
            why = f"the parameter {node.says['over']!r} no longer holds it at index {number}"
        return f"{node.entry!r} listed {label}, but since then {why}: clear {node.entry!r} and what follows it"

    def _check(self) -> None:
        if self.problem:
            raise fan.FanError(self.problem)

    def scope_before(self, path: Path) -> Scope:
        """Return the scope that a node sees: that of the previous node, or what that node saw if it was killed."""
        while (before := self._before(path)) is not None:
            path = before
            manifest = self.manifest(path)
            if manifest is not None and manifest.scope is not None:
                return manifest.scope
        return self.initial_scope(path[:-1])

    def _before(self, path: Path) -> Path | None:
        """Return the node that the token came from, if it came from one of the same graph."""
        node = find(self.root, path)
        plain = node.after[0] if node.after and not node.guarded else None
        came = plain or self._matching(node)
        return (*path[:-1], came.name) if came else None

    def scope_after(self, path: Path) -> Scope:
        """Return the scope after a node; a node that was killed does not change it."""
        manifest = self.manifest(path)
        return manifest.scope if manifest is not None and manifest.scope is not None else self.scope_before(path)

    def manifest_uri(self, path: Path) -> str | None:
        """Return the URI of the manifest of the try that a node's task has named."""
        task_id, number = find(self.root, path).task, self._number(path)
        if task_id not in self._cache.tries:
            self._cache.tries[task_id] = self._airflow.tries(task_id)
        return self._cache.tries[task_id].get(-1 if number is None else number)

    def manifest(self, path: Path) -> Manifest | None:
        """Return the manifest of the try that a node's task has named; None if it wrote none."""
        name = self.name(path)
        if name not in self._cache.manifests:
            uri = self.manifest_uri(path)
            try:
                self._cache.manifests[name] = self.store.manifest(uri) if uri is not None else None
            except NoManifestError:
                self._cache.manifests[name] = None
        return self._cache.manifests[name]

    def initial_scope(self, path: Path) -> Scope:
        """Return the scope that a graph begins with."""
        name = self.name(path)
        if name not in self._cache.scopes:
            self._cache.scopes[name] = self._initial_scope(path)
        return self._cache.scopes[name]

    def _initial_scope(self, path: Path) -> Scope:
        if not path:
            own = scopes.initial(self.dialect, dict(self._airflow.params), os.environ)
            return scopes.resume(self._earlier, own) if isinstance(self._earlier, Scope) else own
        composite, branch = find(self.root, path[:-1]), path[-1]
        if composite.kind == "loop":
            return self._iteration(composite, int(branch))
        outer = self.scope_before(composite.path)
        if composite.kind == "map":
            number = self.index[composite.maps]
            try:
                items = self.items(composite)
            except fan.FanError:
                items = []
            item = items[number] if number < len(items) else None  # ``changed`` says why it is gone
            return scopes.enter(outer, item={composite.says["item"]: item})
        return scopes.enter(outer)

    def _iteration(self, loop: Node, number: int) -> Scope:
        index = loop.branches[str(number)].index
        before = self.scope_before(loop.path)
        if number:
            before = self.follow(loop.branches[str(number - 1)])[1] or before
        return scopes.enter(before, loop={index: number} if index else None)


def innermost(path: Path) -> Path:
    """Return the path of the innermost enclosing map of a node."""
    return path[: len(path) - 1 - path[::-1].index(BODY)]
