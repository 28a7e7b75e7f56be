"""The body of the DAG of a routed graph: tasks, task groups for composite nodes and their branches, and what waits.

Each composite node is a task group that ends with ``join``. A parallel holds a group per branch; a map the task
``items`` and a mapped group; a choice the task ``choose`` and a group per case; a loop a group per iteration, made by
a ``for``. What must look how it was reached gets ``after=[...]``; in a parallel or a loop a first task ``enter`` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator import ir
from translator.names import identifiers
from translator.targets import render
from translator.targets.airflow.routed.model import Line
from translator.targets.airflow.routed.routes import ways
from translator.targets.render import Name, call, name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from translator.targets.airflow.model import Arguments
    from translator.targets.airflow.routed.routes import Way

_SERVICE = frozenset(
    ("join", "items", "enter", "choose", "again", "dag", "finish", "iteration", "iterations", "number")
)
_STEP = " " * render.INDENT

Path = tuple[str, ...]


class Body:
    """Writes the lines of a pipeline's body.

    Args:
        graph: the outermost graph.
        constants: by path of a leaf, the constant of its step.
        reserved: names that the file needs for itself.
    """

    def __init__(self, graph: ir.Graph, constants: Mapping[Path, Name], reserved: frozenset[str]) -> None:
        self.lines: list[Line] = []
        self.used: set[str] = set()
        self._constants = constants
        self._reserved = _SERVICE | reserved
        self._unnamed: set[Path] = set()
        self._variables = _variables(graph, self._reserved)
        self._graph((), graph, 1, "finish", item=None)
        while self.lines and self.lines[-1] == Line("", ""):
            self.lines.pop()

    def _graph(  # noqa: PLR0913 - where it is, and what is around it
        self, path: Path, graph: ir.Graph, depth: int, last: str, item: str | None, *, looped: bool = False
    ) -> None:
        """The nodes of a graph and the order among them; ``last`` is the task that waits for the graph to end."""
        of = ways(graph)
        ids = identifiers([node.name for node in graph.nodes], self._reserved)
        followed = {one.name for way in of.values() for one in way.after}
        for node in graph.nodes:
            # In a function, linters ask what a variable is for.
            if item is not None and not (last or looped or of[node.name].after or node.name in followed):
                self._unnamed.add((*path, node.name))
            self._node((*path, node.name), node, of[node.name], ids[node.name], depth, item)
        self._order(path, graph, of, depth, last)

    def _node(self, path: Path, node: ir.Node, way: Way, id: str, depth: int, item: str | None) -> None:  # noqa: A002, PLR0913, PLR0917
        variable = self._variables[path]
        shown = node.name if node.name != id else None
        if isinstance(node, ir.ExecutionNode):
            self._made(
                depth,
                "StepOperator(" if path in self._unnamed else f"{variable} = StepOperator(",
                node.span.place,
                (
                    *_arguments(task_id=id, task_display_name=shown, step=self._constants[path]),
                    *_arguments(item=name(item) if item else None, **_ends(way)),
                    *self._guard(way),
                    *_arguments(retries=node.policy.tries - 1 or None),
                ),
            )
            return
        assert isinstance(node, ir.ParallelNode | ir.MapNode | ir.LoopNode | ir.ChoiceNode)  # noqa: S101 - checked
        named = None if path in self._unnamed else variable
        self._with(depth, call("TaskGroup", id, group_display_name=shown), named, node.span.place)
        match node:
            case ir.ParallelNode():
                self._parallel(path, node, way, depth + 1, item)
            case ir.MapNode():
                self._map(path, node, way, depth + 1)
            case ir.ChoiceNode():
                self._choice(path, node, way, depth + 1, item)
            case ir.LoopNode():
                self._loop(path, node, way, depth + 1, item)
        self._blank()

    def _parallel(self, path: Path, node: ir.ParallelNode, way: Way, depth: int, item: str | None) -> None:
        self._enter(way, depth, item)
        self._branches(path, node.branches, depth, item)
        self._join("parallel", way, depth, item)
        branches = self._listed([self._variables[*path, branch] for branch in node.branches])
        self._line(depth, f"enter >> {branches} >> join" if way.guarded else f"{branches} >> join")

    def _choice(self, path: Path, node: ir.ChoiceNode, way: Way, depth: int, item: str | None) -> None:
        arguments = _arguments(task_id="choose", on=node.on, item=name(item) if item else None)
        self._operator(depth, "choose", "ChooseOperator", (*arguments, *self._guard(way)))
        self._blank()
        self._branches(path, node.cases, depth, item)
        self._join("choice", way, depth, item)
        self._line(depth, f"choose >> {self._listed([self._variables[*path, case] for case in node.cases])} >> join")

    def _map(self, path: Path, node: ir.MapNode, way: Way, depth: int) -> None:
        arguments = _arguments(task_id="items", over=node.over, item=node.item)
        self._operator(depth, "items", "ItemsOperator", (*arguments, *self._guard(way)))
        self._blank()
        argument = identifiers([node.item], self._reserved)[node.item]
        function = f"each_{argument.rstrip('_')}"
        self._use("task_group")
        self._line(depth, "@task_group")
        self._line(depth, f"def {function}({argument}):")
        self._graph((*path, "*"), node.body, depth + 1, "", item=argument)
        self._blank()
        self._join("map", way, depth, None, reducer=node.reducer)
        self._line(depth, f"{function}.expand({argument}=items.output) >> join")

    def _loop(self, path: Path, node: ir.LoopNode, way: Way, depth: int, item: str | None) -> None:
        self._enter(way, depth, item)
        self._use("chain")
        self._line(depth, "iterations = []")
        self._line(depth, f"for number in range({node.limit}):")
        self._use("TaskGroup")
        self._line(depth + 1, 'with TaskGroup(f"iteration_{number}") as iteration:')
        plain = all(not inner.guarded for inner in ways(node.body).values())
        arguments = _arguments(
            task_id="again",
            number=name("number"),
            until=node.until,
            index=node.index,
            item=name(item) if item else None,
            trigger_rule=None if plain else self._rule(),
        )
        self._operator(depth + 2, "again", "AgainOperator", arguments)
        self._blank()
        self._graph((*path, "*"), node.body, depth + 2, "", item=item, looped=True)
        start = self._variables[*path, "*", node.body.start or ""]
        self._line(depth + 2, f"again >> {start}")
        self._line(depth + 1, "iterations.append(iteration)")
        self._blank()
        self._join("loop", way, depth, item)
        self._line(depth, "chain(enter, *iterations)" if way.guarded else "chain(*iterations)")
        self._line(depth, "iterations >> join")

    def _branches(self, path: Path, branches: Mapping[str, ir.Graph], depth: int, item: str | None) -> None:
        ids = identifiers(list(branches), self._reserved)
        for branch, graph in branches.items():
            shown = branch if branch != ids[branch] else None
            group = call("TaskGroup", ids[branch], group_display_name=shown)
            self._with(depth, group, self._variables[*path, branch], None)
            self._graph((*path, branch), graph, depth + 1, "", item)
            self._blank()

    def _enter(self, way: Way, depth: int, item: str | None) -> None:
        if way.guarded:
            arguments = _arguments(task_id="enter", item=name(item) if item else None)
            self._operator(depth, "enter", "GuardOperator", (*arguments, *self._guard(way)))
            self._blank()

    def _join(self, kind: str, way: Way, depth: int, item: str | None, **more: object) -> None:
        arguments = _arguments(task_id="join", kind=kind, item=name(item) if item else None, **more, **_ends(way))
        self._operator(depth, "join", "JoinOperator", arguments)

    def _guard(self, way: Way) -> Arguments:
        if not way.guarded:
            return ()
        after = [call("complete" if one.outcome == "complete" else "failed", one.name) for one in way.after]
        for one in after:
            self._use(one.function.text)
        return (("after", after), ("trigger_rule", self._rule()))

    def _rule(self) -> Name:
        self._use("TriggerRule")
        return name("TriggerRule.ALL_DONE")

    def _order(self, path: Path, graph: ir.Graph, of: Mapping[str, Way], depth: int, last: str) -> None:
        """The lines with ``>>``: chains of what follows one another alone, then what waits for several."""
        followers: dict[str, list[str]] = {node.name: [] for node in graph.nodes}
        before: dict[str, list[str]] = {}
        for node in graph.nodes:
            before[node.name] = list(dict.fromkeys(one.name for one in of[node.name].after))
            for source in before[node.name]:
                followers[source].append(node.name)
        variable = {node.name: self._variables[*path, node.name] for node in graph.nodes}
        ends = [node for node, after in followers.items() if not after]
        links = [
            ([variable[source] for source in sources], variable[node]) for node, sources in before.items() if sources
        ]
        if last:
            links.append(([variable[node] for node in ends], last))
        lines: list[list[str]] = []
        open_at: dict[str, int] = {}
        for sources, target in _ordered(links):
            place = open_at.pop(sources[0], None) if len(sources) == 1 else None
            if place is not None and len(_STEP) * depth + len(" >> ".join([*lines[place], target])) <= render.WIDTH:
                lines[place].append(target)
            else:
                place = len(lines)
                lines.append([self._listed(sources), target])
            open_at[target] = place
        for line in lines:
            self._line(depth, " >> ".join(line))

    @staticmethod
    def _listed(variables: Sequence[str]) -> str:
        return variables[0] if len(variables) == 1 else f"[{', '.join(variables)}]"

    def _with(self, depth: int, group: render.Call, variable: str | None, place: str | None) -> None:
        self._use("TaskGroup")
        comment = f"  # {render.comment(place)}" if place else ""
        bound = f" as {variable}" if variable else ""
        self.lines.append(Line(_STEP * depth, "with ", group, f"{bound}:{comment}"))

    def _operator(self, depth: int, variable: str, operator: str, arguments: Arguments) -> None:
        self._use(operator)
        made = render.Call(Name(operator), (), arguments)
        self.lines.append(Line(_STEP * depth, f"{variable} = ", made))

    def _made(self, depth: int, head: str, place: str, arguments: Arguments) -> None:
        self._use("StepOperator")
        self._line(depth, f"{head}  # {render.comment(place)}")
        for keyword, value in arguments:
            self.lines.append(Line(_STEP * (depth + 1), f"{keyword}=", value, ","))
        self._line(depth, ")")
        self._blank()

    def _line(self, depth: int, text: str) -> None:
        self.lines.append(Line(_STEP * depth, text))

    def _blank(self) -> None:
        if self.lines and self.lines[-1] != Line("", ""):
            self.lines.append(Line("", ""))

    def _use(self, imported: str) -> None:
        self.used.add(imported)


def _ends(way: Way) -> dict[str, str | None]:
    """Where an end of the graph is not the one that goes without saying, in the source's own words."""
    return {"next": "fail" if way.fails else None, "on_failure": "success" if way.succeeds else None}


def _arguments(**keywords: object) -> Arguments:
    return tuple((key, value) for key, value in keywords.items() if value is not None)


def _ordered(links: Sequence[tuple[list[str], str]]) -> list[tuple[list[str], str]]:
    """The links with each after those that end where it begins, as far as the order of the file allows."""
    left = list(links)
    ordered: list[tuple[list[str], str]] = []
    while left:
        targets = {target for _, target in left}
        ready = [link for link in left if not targets & set(link[0])] or left[:1]
        taken = ready[0]
        if ordered:
            taken = next((link for link in ready if link[0] == [ordered[-1][1]]), taken)
        left.remove(taken)
        ordered.append(taken)
    return ordered


def _variables(graph: ir.Graph, reserved: frozenset[str]) -> dict[Path, str]:
    """A variable for each node and branch: its own name, with what it is part of where that alone is taken."""
    titles: dict[Path, str] = {}
    taken: set[str] = set()
    for path in _paths(graph, ()):
        named = [part for part in path if part != "*"]
        choices = [" ".join(named[-count:]) for count in range(1, len(named) + 1)]
        fresh = [title for title in choices if identifiers([title])[title] not in taken]
        titles[path] = fresh[0] if fresh else f"{choices[-1]} {len(titles)}"
        taken.add(identifiers([titles[path]])[titles[path]])
    variables = identifiers(list(titles.values()), reserved)
    return {path: variables[title] for path, title in titles.items()}


def _paths(graph: ir.Graph, above: Path) -> list[Path]:
    found: list[Path] = []
    for node in graph.nodes:
        path = (*above, node.name)
        found.append(path)
        match node:
            case ir.ParallelNode(branches=branches) | ir.ChoiceNode(cases=branches):
                for branch, inner in branches.items():
                    found += [(*path, branch), *_paths(inner, (*path, branch))]
            case ir.MapNode(body=body) | ir.LoopNode(body=body):
                found += _paths(body, (*path, "*"))
            case _:
                continue
    return found
