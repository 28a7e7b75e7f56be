"""Name nodes and branches in a DAG file: variables, and ids of tasks and groups."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, TypeAlias

from translator import ir
from translator.names import free, identifiers, slug, title_identifiers
from translator.nodes import BODY, named_branches, walk
from translator.targets.airflow.names import task_ids

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Path: TypeAlias = "tuple[str, ...]"
"""The path of a node or branch: node, branch, node, ...; the branch of a map or a loop is ``*``."""

IDS = frozenset(("join", "items", "enter", "choose", "again"))
"""The ids of tasks of composite nodes."""
RESERVED = frozenset(("dag", "finish", "iteration", "iterations", "number"))
"""The variables of a file that are not nodes."""


class Names:
    """The names of a DAG file.

    Args:
        graph: the outermost graph.
        imported: the names that the file imports.
    """

    def __init__(self, graph: ir.Graph, imported: frozenset[str]) -> None:
        self._reserved = RESERVED | imported
        items = [node.item for _, node in walk(graph) if isinstance(node, ir.MapNode)]
        self._arguments = identifiers(items, self._reserved)
        self._variables = title_identifiers(distinct_titles(graph), self._reserved.union(self._arguments.values()))
        self._taken = {*self._variables.values(), *self._arguments.values(), *self._reserved}
        self._own: dict[tuple[Path, str], str] = {}
        self._bound: set[str] = set()

    @property
    def taken(self) -> frozenset[str]:
        """Return all names of the file."""
        return frozenset(self._taken)

    def take(self, names: Iterable[str]) -> None:
        """Claim names that come later than those of nodes."""
        self._taken.update(names)

    def variable(self, path: Path) -> str:
        """Return the variable of a node or a branch: its name, with the enclosing names if it is taken."""
        return self._variables[path]

    def argument(self, item: str) -> str:
        """Return the variable of an item in the first mapped group of its map."""
        return self._arguments[item]

    def item(self, argument: str, after: str | None, path: Path) -> str:
        """Return the variable of an item in one of the mapped groups of its map.

        Args:
            argument: the variable in the first of them.
            after: the id of the node that the group comes after.
            path: the path of the graph that the group is in.
        """
        if argument in self._bound:
            enclosing = self.variable(path[:-1] if path[-1] == BODY else path)
            longer = f"{argument.rstrip('_')}_{f'after_{slug(after)}' if after else f'in_{enclosing}'}"
            argument = free(longer, self._taken)
            self._taken.add(argument)
        self._bound.add(argument)
        return argument

    def own(self, path: Path, word: str) -> str:
        """Return the variable of a task of a composite node, such as its ``join``."""
        if (path, word) not in self._own:
            variable = free(f"{self.variable(path).rstrip('_')}_{word}", self._taken)
            self._taken.add(variable)
            self._own[path, word] = variable
        return self._own[path, word]

    def group(self, argument: str, after: str | None, siblings: Iterable[str]) -> str:
        """Return the id of a mapped group of nodes, among ids of the same graph."""
        return free(each(argument, after), {*siblings, *IDS})


def ids(path: Path, names: Iterable[str]) -> dict[str, str]:
    """Return the ids of the nodes of the graph at a path, or of the branches of the node at a path."""
    return task_ids(list(names), IDS if path else ("finish",))


def each(argument: str, after: str | None = None) -> str:
    """Return the id of the mapped group of nodes that run once per item, ``after`` the node with that id."""
    own = f"each_{argument.rstrip('_')}"
    return f"{own}_after_{after}" if after else own


def titles(path: Path) -> Sequence[str]:
    """Return titles for a path: its own name, then with more and more of the enclosing names."""
    named = [part for part in path if part != BODY]
    return [" ".join(named[-count:]) for count in range(1, len(named) + 1)]


def distinct_titles(graph: ir.Graph) -> dict[Path, str]:
    """Return the shortest title of each node and branch that no other has, or its longest."""
    of_path = {path: titles(path) for path in _paths(graph)}
    counts = Counter(slug(title) for several in of_path.values() for title in several)
    return {
        path: next((title for title in several if counts[slug(title)] == 1), several[-1])
        for path, several in of_path.items()
    }


def _paths(graph: ir.Graph) -> Iterator[Path]:
    """Return the nodes of a pipeline, and their branches that have names."""
    for path, node in walk(graph):
        yield path
        yield from ((*path, branch) for branch in named_branches(node))
