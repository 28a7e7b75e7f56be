"""Draw random control-flow graphs as users write them, with shell steps that fail and write according to a plan.

They contain only what has a meaning on both sides. No branch reads what its sibling writes, because the engines run
branches one after the other. For runnable, no map contains a composite node, because runnable 0.50 crashes there. Only
a run shows whether Magnus confuses one map with another (``leaks``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from tests.oracle.corpus import STATUS
from translator.semantics.controlflow import StepEnding, Visit
from translator.shim.contract import State

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from translator.semantics.controlflow import GraphFate, NodeFate

NAMES = ("v", "w", "x")


@dataclass(frozen=True)
class Behaviour:
    """What a step does: whether it fails, or for which item it does, and what it writes."""

    fails: bool = False
    fails_on: tuple[str, int] | None = None
    writes: Mapping[str, Any] = field(default_factory=dict)

    def ending(self, visit: Visit) -> StepEnding:
        fails = self.fails or (self.fails_on is not None and visit.items.get(self.fails_on[0]) == self.fails_on[1])
        return StepEnding(State.ERROR if fails else State.COMPLETE, self.writes)

    def shell(self, dialect: str) -> str:
        if self.fails:
            return "exit 3"
        lines = []
        if self.fails_on:
            name, item = self.fails_on
            test = (
                f'[ "${name}" = {item} ]'
                if dialect == "runnable"
                else (f"""echo "$MAGNUS_MAP_VARIABLE" | grep -Eq '"{name}": {item}[,}}]'""")
            )
            lines.append(f"if {test}; then exit 3; fi")
        prefix = "MAGNUS_PRM_" if dialect == "magnus" else ""
        lines += [f"export {prefix}{name}='{value}'" for name, value in self.writes.items()]
        return "\n".join([*lines, "true"])


@dataclass(frozen=True)
class Case:
    """A pipeline, how its steps behave, and the parameters that it begins with."""

    dialect: str
    document: dict[str, Any]
    behaviours: Mapping[str, Behaviour]
    parameters: Mapping[str, Any]
    items: Mapping[str, list[int]]

    def oracle(self, visit: Visit) -> StepEnding:
        return self.behaviours[visit.node.name].ending(visit)


class _Drawing:
    def __init__(self, draw: st.DrawFn, dialect: str) -> None:
        self.draw, self.dialect = draw, dialect
        self.behaviours: dict[str, Behaviour] = {}
        self.items: dict[str, list[int]] = {}
        self.lists: dict[str, list[int]] = {}
        self.count = 0

    def name(self, prefix: str) -> str:
        self.count += 1
        # With spaces, as people write them.
        return f"{prefix} {self.count}" if self.count % 3 == 0 else f"{prefix}{self.count}"

    def graph(self, depth: int, inside: tuple[str, ...]) -> dict[str, Any]:
        """Draw a graph whose nodes lead only to later ones, so that it has no cycle."""
        count = self.draw(st.integers(1, 4 if depth else 5))
        nodes = [self.node(depth, inside) for _ in range(count)]
        names = [name for name, _ in nodes]
        steps: dict[str, Any] = {}
        for place, (name, node) in enumerate(nodes):
            later = names[place + 1 :]
            usual = later[0] if later else "success"
            after = self.draw(st.sampled_from([usual] * 6 + [*later, "success", "fail"]))
            steps[name] = {**node, "next": after}
            handler = self.draw(st.sampled_from([None, None, *later, "success", "fail"]))
            if handler:
                steps[name]["on_failure"] = handler
        order = self.draw(st.permutations(list(steps)))
        made: dict[str, Any] = {name: steps[name] for name in order}
        made |= {"success": {"type": "success"}, "fail": {"type": "fail"}}
        return {"start_at": names[0], "steps": made}

    def node(self, depth: int, inside: tuple[str, ...]) -> tuple[str, dict[str, Any]]:
        kinds = ["task"] * 5 + ["stub"]
        if depth and not (inside and self.dialect == "runnable"):
            kinds += ["parallel", "parallel", "map", "map"]
        kind = self.draw(st.sampled_from(kinds))
        name = self.name(kind)
        if kind == "parallel":
            count = self.draw(st.integers(1, 3))
            branches = {f"b {i}" if i == 1 else f"b{i}": self.graph(depth - 1, inside) for i in range(count)}
            return name, {"type": "parallel", "branches": branches}
        if kind == "map":
            item, over = f"i{self.count}", f"list{self.count}"
            least = 1 if self.dialect == "runnable" else 0
            self.lists[over] = self.items[name] = self.draw(
                st.lists(st.integers(0, 3), min_size=least, max_size=3, unique=True)
            )
            body = self.graph(depth - 1, (*inside, item))
            return name, {"type": "map", "iterate_on": over, "iterate_as": item, "branch": body}
        if kind == "stub":
            self.behaviours[name] = Behaviour()
            return name, {"type": "stub"}
        return name, self.task(name, inside)

    def task(self, name: str, inside: tuple[str, ...]) -> dict[str, Any]:
        fails_on = None
        if inside and self.draw(st.booleans()):
            fails_on = (self.draw(st.sampled_from(inside)), self.draw(st.integers(0, 3)))
        fails = fails_on is None and self.draw(st.sampled_from([True, False, False]))
        written = self.draw(st.sets(st.sampled_from(NAMES), max_size=2))
        behaviour = Behaviour(fails, fails_on, {n: self.count * 10 + i for i, n in enumerate(sorted(written))})
        self.behaviours[name] = behaviour
        node = {"type": "task", "command_type": "shell", "command": behaviour.shell(self.dialect)}
        if self.dialect == "runnable" and written:
            node["returns"] = [{"name": n, "kind": "json"} for n in sorted(written)]
        return node


@st.composite
def cases(draw: st.DrawFn, dialect: str, depth: int = 2) -> Case:
    """Draw random pipelines of a dialect, nested to ``depth``."""
    drawing = _Drawing(draw, dialect)
    document = {"dag": drawing.graph(depth, ())}
    parameters = {**drawing.lists, "v": 1}
    return Case(dialect, document, drawing.behaviours, parameters, drawing.items)


def statuses(fate: GraphFate, items: Mapping[str, list[Any]], prefix: str = "") -> dict[str, str]:
    """Return the statuses as run logs name them: items replace indexes, and skipped nodes are missing."""
    found: dict[str, str] = {}
    for name, node in fate.nodes.items():
        if node.state is State.SKIPPED:
            continue
        path = prefix + name
        found[path] = STATUS[node.state]
        for branch, of in node.branches.items():
            called = str(items[name][int(branch)]) if node.kind == "map" else branch
            if of.state is not State.SKIPPED:
                found[f"{path}.{called}"] = STATUS[of.state]
                found |= statuses(of, items, f"{path}.{called}.")
    return found


def leaks(fate: GraphFate) -> bool:
    """Return whether a bug of Magnus decides how a run is logged.

    All maps in one item of an outermost map share one ordered mapping of items, to which each adds its own under its
    name and takes nothing away. Names of branches take its first item for the outermost map, its second for the map
    in that, and so on: a second map at the same depth is taken for the first one, as is one that another item of the
    first chose. It is then asked for branches that never began and leaves its own as they were when they began. A map
    without items adds none, and of a map that is not reached nothing is asked.
    """
    return any(_share([of]) for node in _maps(fate) for of in node.branches.values())


def _share(bodies: Sequence[GraphFate]) -> bool:
    found: dict[str, list[GraphFate]] = {}
    for body in bodies:
        for node in _maps(body):
            found.setdefault(node.name, []).extend(node.branches.values())
    return len(found) > 1 or any(_share(inner) for inner in found.values())


def _maps(fate: GraphFate) -> Iterator[NodeFate]:
    """Return the maps that have items in a graph and in the branches of its other nodes, but not in other maps."""
    for node in fate.nodes.values():
        if node.state is not State.SKIPPED and node.kind == "map" and node.branches:
            yield node
        elif node.state is not State.SKIPPED and node.kind != "map":
            for of in node.branches.values():
                yield from _maps(of)
