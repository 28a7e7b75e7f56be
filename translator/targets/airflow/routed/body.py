"""The body of the DAG of a routed graph: tasks, task groups for composite nodes and their branches, and what waits.

Each composite node is a task group that ends with ``join``. A parallel holds a group per branch; a map the task
``items`` and a mapped group; a choice the task ``choose`` and a group per case; a loop a group per iteration, made by
a ``for``. What must look how it was reached gets ``after=[...]``; in a parallel or a loop a first task ``enter`` does.

The body of a map that has a map in it is several mapped groups (``layers``). The nodes between those lie in plain
groups, and their own tasks are mapped one by one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from translator import ir
from translator.targets.airflow.routed.layers import layers, maps
from translator.targets.airflow.routed.lines import Lines
from translator.targets.airflow.routed.names import Names, each
from translator.targets.airflow.routed.order import listed, order_lines
from translator.targets.airflow.routed.routes import Way, ways
from translator.targets.render import call, name
from translator.walk import branches, walk

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from translator.targets.airflow.model import Arguments
    from translator.targets.airflow.routed.layers import Layer
    from translator.targets.airflow.routed.model import Line
    from translator.targets.airflow.routed.names import Path
    from translator.targets.airflow.routed.order import Link
    from translator.targets.render import Name

_LOOKS = Way(after=(), guarded=True, fails=False, succeeds=False, starts=True)
"""The way of a task that must look whether it was reached, though nothing in its own graph leads to it."""


@dataclass(frozen=True, slots=True)
class _Around:
    """Where something is: how deep its lines, and what it runs for.

    ``item`` is the argument of the mapped group that it is in. Where it is in none, though in the body of a map,
    ``over`` is the variable that lists the items, and ``argument`` what one is called; ``sure`` then tells whether the
    graph begins for each of them.
    """

    depth: int
    item: str | None = None
    over: str | None = None
    argument: str = ""
    sure: bool = True

    def deeper(self, by: int = 1) -> _Around:
        """The same in a group."""
        return replace(self, depth=self.depth + by)


@dataclass(frozen=True, slots=True)
class _Order:
    """What waits for what in a graph, and what nothing in it waits for."""

    links: list[Link]
    ends: list[str]

    def then(self, last: str) -> list[Link]:
        """The links with one more task, that waits for all."""
        return [*self.links, (self.ends, last)]


class Body:
    """Writes the lines of a pipeline's body.

    Args:
        graph: the outermost graph.
        constants: by path of a leaf, the constant of its step.
        imported: names that the file may import.
    """

    def __init__(self, graph: ir.Graph, constants: Mapping[Path, Name], imported: frozenset[str]) -> None:
        self._constants = constants
        self._names = Names(graph, imported)
        self._out = Lines()
        around = _Around(1)
        self._order(self._graph((), graph, around).then("finish"), around)
        self._out.end()

    @property
    def lines(self) -> Sequence[Line]:
        """The lines."""
        return self._out.lines

    @property
    def used(self) -> set[str]:
        """The imported names in them."""
        return self._out.used

    def _graph(self, path: Path, graph: ir.Graph, around: _Around, first: str | None = None) -> _Order:
        """The nodes of a graph, after the task ``first`` if there is one; returns the order among them."""
        if around.over is not None:
            return self._layers(path, graph, around, first)
        of = ways(graph)
        order = self._among(path, of)
        if first:
            order.links.insert(0, ([first], self._names.variable((*path, graph.start or ""))))
        self._nodes(path, graph.nodes, of, around, self._names.ids(of), order)
        return order

    def _among(self, path: Path, of: Mapping[str, Way]) -> _Order:
        """The order among some nodes of a graph."""
        variable = {node: self._names.variable((*path, node)) for node in of}
        links: list[Link] = []
        followed = set()
        for node, way in of.items():
            before = [one for one in dict.fromkeys(one.name for one in way.after) if one in of]
            followed.update(before)
            if before:
                links.append(([variable[one] for one in before], variable[node]))
        return _Order(links, [variable[node] for node in of if node not in followed])

    def _nodes(  # noqa: PLR0913, PLR0917 - what nodes are, and where
        self,
        path: Path,
        nodes: Sequence[ir.Node],
        of: Mapping[str, Way],
        around: _Around,
        ids: Mapping[str, str],
        order: _Order,
    ) -> None:
        mentioned = {one for sources, target in order.links for one in (*sources, target)}
        for node in nodes:
            variable = self._names.variable((*path, node.name))
            # In a function, linters ask what a variable is for.
            bound = variable if around.item is None or variable in mentioned else None
            self._node((*path, node.name), node, of[node.name], ids[node.name], bound, around)

    def _layers(self, path: Path, graph: ir.Graph, around: _Around, first: str | None) -> _Order:
        """The nodes of a graph in the body of a map, in mapped groups and between them."""
        of = ways(graph)
        ids = self._names.ids(of)
        found = layers(graph, of)
        alone = first is None and len(found) == 1 and not found[0].mapping
        places = [[first]] if first else []
        before: str | None = None
        for layer in found:
            if layer.plain:
                places.append([self._piece(path, layer, of, ids, around, before)])
            for node in layer.mapping:
                way = of[node.name]
                looks = replace(way, guarded=way.guarded or not way.starts or not around.sure)
                inner = (*path, node.name)
                self._node(inner, node, looks, ids[node.name], self._names.variable(inner), around)
            if layer.mapping:
                places.append([self._names.variable((*path, node.name)) for node in layer.mapping])
                before = ids[layer.mapping[0].name]
        if alone:
            return _Order([], places[0])
        links: list[Link] = [(sources, target) for sources, targets in pairwise(places) for target in targets]
        return _Order(links, places[-1])

    def _piece(  # noqa: PLR0913, PLR0917 - what nodes are, and where
        self,
        path: Path,
        layer: Layer,
        of: Mapping[str, Way],
        ids: Mapping[str, str],
        around: _Around,
        before: str | None,
    ) -> str:
        """A mapped group of the nodes of a layer, after the node ``before``; returns what stands for it."""
        inside = {node.name: of[node.name] for node in layer.plain}
        for node, way in inside.items():
            outside = (way.starts and not around.sure) or any(one.name not in inside for one in way.after)
            inside[node] = replace(way, guarded=way.guarded or outside)
        function = self._names.fresh(each(around.argument, before), ids.values())
        self._out.line(around.depth, f"@{self._out.use('task_group').text}")
        self._out.line(around.depth, f"def {function}({around.argument}):")
        piece = _Around(around.depth + 1, item=around.argument)
        order = self._among(path, inside)
        self._nodes(path, layer.plain, inside, piece, ids, order)
        self._order(order.links, piece)
        self._out.blank()
        expanded = f"{function}.expand({around.argument}={around.over}.output)"
        if before is None and not layer.mapping:
            return expanded
        title = self._names.fresh(f"after_{before}" if before else f"before_{ids[layer.mapping[0].name]}")
        self._out.line(around.depth, f"{title} = {expanded}")
        self._out.blank()
        return title

    def _node(  # noqa: PLR0913, PLR0917 - what a node is, and where
        self,
        path: Path,
        node: ir.Node,
        way: Way,
        id: str,  # noqa: A002 - Airflow's own word
        variable: str | None,
        around: _Around,
    ) -> None:
        shown = node.name if node.name != id else None
        if isinstance(node, ir.ExecutionNode):
            arguments = (
                *_arguments(task_id=id, task_display_name=shown, step=self._constants[path], item=_item(around)),
                *_arguments(**_ends(way)),
                *self._guard(way),
                *_arguments(retries=node.policy.tries - 1 or None),
            )
            self._out.step(around.depth, variable, node.span.place, arguments)
            return
        if isinstance(node, ir.MapNode) and around.over:
            why = f"# Over the items of every {around.argument}: Airflow cannot map inside of a mapped group."
            self._out.line(around.depth, why)
        self._out.group(around.depth, call("TaskGroup", id, group_display_name=shown), variable, node.span.place)
        inside = replace(around.deeper(), sure=around.sure and not way.guarded)
        match node:
            case ir.ParallelNode():
                self._parallel(path, node, way, inside)
            case ir.MapNode():
                self._map(path, node, way, inside)
            case ir.ChoiceNode():
                self._choice(path, node, way, inside)
            case ir.LoopNode():
                self._loop(path, node, way, inside)
            case _:
                raise AssertionError(f"{type(node).__name__} in a routed graph")
        self._out.blank()

    def _parallel(self, path: Path, node: ir.ParallelNode, way: Way, around: _Around) -> None:
        enter = self._enter(path, node, way, around)
        groups = self._branches(path, node.branches, around)
        self._join("parallel", way, around)
        self._out.line(around.depth, f"{enter} >> {groups} >> join" if enter else f"{groups} >> join")

    def _choice(self, path: Path, node: ir.ChoiceNode, way: Way, around: _Around) -> None:
        choose = self._own("choose", path, node, ir.ChoiceNode)
        self._task(choose, "ChooseOperator", around, _arguments(task_id="choose", on=node.on), self._guard(way))
        self._out.blank()
        cases = self._branches(path, node.cases, replace(around, sure=False))
        self._join("choice", way, around)
        self._out.line(around.depth, f"{choose} >> {cases} >> join")

    def _map(self, path: Path, node: ir.MapNode, way: Way, around: _Around) -> None:
        shared = around.over is not None or maps(node.body)
        items = self._names.fresh(f"{self._names.variable(path)}_items") if shared else "items"
        listing = _arguments(task_id="items", over=node.over, item=node.item)
        # Not mapped itself, even in the body of a map: there it lists the items of all of that one's items.
        self._task(items, "ItemsOperator", _Around(around.depth), listing, self._guard(way))
        self._out.blank()
        body = _Around(around.depth, over=items, argument=self._names.argument(node.item))
        begins_with_map = not layers(node.body, ways(node.body))[0].plain
        order = self._graph((*path, "*"), node.body, body, items if begins_with_map else None)
        self._join("map", way, around, reducer=node.reducer)
        self._order(order.then("join"), around)

    def _loop(self, path: Path, node: ir.LoopNode, way: Way, around: _Around) -> None:
        enter = self._enter(path, node, way, around)
        words = ("again", "number", "iteration", "iterations")
        again, number, one, all_ = (self._own(word, path, node, ir.LoopNode) for word in words)
        self._out.use("chain")
        self._out.use("TaskGroup")
        self._out.line(around.depth, f"{all_} = []")
        self._out.line(around.depth, f"for {number} in range({node.limit}):")
        self._out.line(around.depth + 1, f'with TaskGroup(f"iteration_{{{number}}}") as {one}:')
        iteration = replace(around.deeper(2), sure=False)
        waits = around.over is not None or any(inner.guarded for inner in ways(node.body).values())
        arguments = _arguments(task_id="again", number=name(number), until=node.until, index=node.index)
        self._task(again, "AgainOperator", iteration, arguments, self._guard(_LOOKS) if waits else ())
        self._out.blank()
        self._order(self._graph((*path, "*"), node.body, iteration, first=again).links, iteration)
        self._out.line(around.depth + 1, f"{all_}.append({one})")
        self._out.blank()
        self._join("loop", way, around)
        self._out.line(around.depth, f"chain({enter}, *{all_})" if enter else f"chain(*{all_})")
        self._out.line(around.depth, f"{all_} >> join")

    def _branches(self, path: Path, graphs: Mapping[str, ir.Graph], around: _Around) -> str:
        """A group for each branch; returns the list of them."""
        ids = self._names.ids(graphs)
        variables = [self._names.variable((*path, branch)) for branch in graphs]
        for variable, (branch, graph) in zip(variables, graphs.items(), strict=True):
            shown = branch if branch != ids[branch] else None
            self._out.group(around.depth, call("TaskGroup", ids[branch], group_display_name=shown), variable, None)
            inside = around.deeper()
            order = self._graph((*path, branch), graph, inside)
            if around.over is not None and not order.links:
                self._out.line(inside.depth, order.ends[0])
            self._order(order.links, inside)
            self._out.blank()
        return listed(variables)

    def _enter(self, path: Path, node: ir.Node, way: Way, around: _Around) -> str | None:
        """The task that looks whether a node was reached, if it needs one."""
        if not way.guarded:
            return None
        enter = self._own("enter", path, node, ir.ParallelNode, ir.LoopNode)
        self._task(enter, "GuardOperator", around, _arguments(task_id="enter"), self._guard(way))
        self._out.blank()
        return enter

    def _own(self, word: str, path: Path, node: ir.Node, *kinds: type) -> str:
        """The variable for a node's ``word`` that it names again after its branches, which may have one as well."""
        inside = (inner for branch in branches(node).values() for _, inner in walk(branch))
        if any(isinstance(inner, kinds) for inner in inside):
            return self._names.fresh(f"{self._names.variable(path)}_{word}")
        return word

    def _join(self, kind: str, way: Way, around: _Around, reducer: str | None = None) -> None:
        arguments = _arguments(task_id="join", kind=kind, reducer=reducer, **_ends(way))
        # An operator's own default does not reach the mapped one.
        self._task("join", "JoinOperator", around, arguments, self._guard(_LOOKS) if around.over else ())

    def _task(self, variable: str, operator: str, around: _Around, arguments: Arguments, guard: Arguments = ()) -> None:
        """A task that runs no step; where it is in the body of a map but in no mapped group, itself mapped."""
        if around.over is None:
            self._out.task(around.depth, variable, operator, (*arguments, *_arguments(item=_item(around)), *guard))
            return
        shown = _arguments(map_index_template="{{ task.item.label }}")
        self._out.task(around.depth, variable, operator, (*arguments, *guard, *shown), over=around.over)

    def _guard(self, way: Way) -> Arguments:
        if not way.guarded:
            return ()
        after = [call("complete" if one.outcome == "complete" else "failed", one.name) for one in way.after]
        for one in after:
            self._out.use(one.function.text)
        return (*(() if way.starts else (("after", after),)), ("trigger_rule", self._rule()))

    def _rule(self) -> Name:
        return self._out.use("TriggerRule.ALL_DONE")

    def _order(self, links: Sequence[Link], around: _Around) -> None:
        for line in order_lines(links, around.depth):
            self._out.line(around.depth, line)


def _ends(way: Way) -> dict[str, str | None]:
    """Where an end of the graph is not the one that goes without saying, in the source's own words."""
    return {"next": "fail" if way.fails else None, "on_failure": "success" if way.succeeds else None}


def _item(around: _Around) -> Name | None:
    return name(around.item) if around.item else None


def _arguments(**keywords: object) -> Arguments:
    return tuple((key, value) for key, value in keywords.items() if value is not None)
