"""Name the tasks and functions of a control-flow pipeline.

A node or a branch is called after its name; where several of the pipeline share a name, after as much of its path as
tells them apart. The body of a map is called ``each_...`` after its item, that of a loop ``..._iteration``, and a
function that begins in the middle of a graph ``from_...``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from translator import ir
from translator.names import free, identifiers
from translator.nodes import BODY, branches, walk
from translator.targets.constants import constant
from translator.targets.hooks import hook_names
from translator.targets.prefect.reserved import ARGUMENTS
from translator.targets.prefect.settings import SETTINGS, TARGET

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

RESERVED = {
    *("allow_failure", "fail", "failed", "finish_graph", "flow", "record_crash", "run_of_graph", "start", "step_node"),
    *("succeed", "thread_pool", "token"),
    "project",  # its upper case is the constant of the project directory
    "l",  # linters mistake them for digits
}
OF_KINDS: Mapping[type[ir.Node], frozenset[str]] = {
    ir.ParallelNode: frozenset(("branch", "parallel_node")),
    ir.MapNode: frozenset(("branch", "items", "map_node")),
    ir.LoopNode: frozenset(("again", "branch", "index", "loop_node")),
    ir.ChoiceNode: frozenset(("branch", "choice_node", "chosen")),
}
"""The names that a file needs for a kind of node."""
Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Names:
    """The names of nodes' tasks and branches' functions, by path (with ``*`` for the body of a map or a loop).

    ``constants`` are those that hold steps.
    """

    places: Mapping[Path, str]
    constants: Mapping[Path, str]
    onward: Mapping[Path, str]
    flow: str
    arguments: Mapping[str, str]
    hooks: Mapping[str, str]


def names_of(pipeline: ir.Pipeline, onward: list[Path]) -> Names:
    """Give everything in the file a name.

    Args:
        pipeline: the pipeline.
        onward: the paths of the nodes that begin their own function.
    """
    labels = _labels(dict(_spoken(pipeline.graph, ())))
    reserved = RESERVED.union(*(OF_KINDS.get(type(node), ()) for _, node in walk(pipeline.graph)))
    identifier_of = identifiers(list(labels.values()), reserved)
    places = {path: identifier_of[label] for path, label in labels.items()}
    taken = {*places.values(), *reserved}
    functions: dict[Path, str] = {}
    for path in onward:
        functions[path] = free(f"from_{places[path].rstrip('_')}", taken)
        taken.add(functions[path])
    flow = identifiers([pipeline.title], taken)[pipeline.title]
    arguments = identifiers([parameter.name for parameter in pipeline.parameters], taken | {flow} | ARGUMENTS)
    constants = {path: constant(name, ("project",)) for path, name in places.items()}
    hooks = hook_names(pipeline, TARGET, SETTINGS, taken | {flow, "PROJECT", *arguments.values(), *constants.values()})
    return Names(places, constants, functions, flow, arguments, hooks)


def _spoken(graph: ir.Graph, path: Path) -> Iterator[tuple[Path, Path]]:
    """Yield each node and branch by path, with the words of its path."""
    for node in graph.nodes:
        here = (*path, node.name)
        yield here, tuple(part for part in here if part != BODY)
        for name, inner in branches(node).items():
            words = tuple(part for part in here if part != BODY)
            match node:
                case ir.MapNode():
                    yield (*here, name), (*words, f"each {node.item}")
                case ir.LoopNode():
                    yield (*here, name), (*words[:-1], f"{node.name} iteration")
                case _:
                    yield (*here, name), (*words, name)
            yield from _spoken(inner, (*here, name))


def _labels(spoken: Mapping[Path, Path]) -> dict[Path, str]:
    """Return the shortest unique ends of the spoken paths, joined by dots, which no name contains."""
    counts: dict[Path, int] = {}
    for words in spoken.values():
        for start in range(len(words)):
            counts[words[start:]] = counts.get(words[start:], 0) + 1
    labels: dict[Path, str] = {}
    used: set[str] = set()
    for path, words in spoken.items():
        ends = [words[start:] for start in reversed(range(len(words)))]
        label = ".".join(next((end for end in ends if counts[end] == 1), words))
        while label in used:
            label += ".again"
        used.add(label)
        labels[path] = label
    return labels
