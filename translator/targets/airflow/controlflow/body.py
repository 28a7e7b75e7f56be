"""Write the body of the DAG of a control-flow graph: tasks, task groups for composite nodes, and their order.

Each composite node is a task group that ends with ``join``. A parallel holds a group per branch; a map the task
``items`` and a mapped group; a choice the task ``choose`` and a group per case; a loop a group per iteration, made by
a ``for``. What must look how it was reached gets ``after=[...]``; in a parallel or a loop a first task ``enter`` does.

The body of a map that has a map in it is several mapped groups (``layers``). The nodes between those lie in plain
groups, and their own tasks are mapped one by one.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from translator import ir
from translator.nodes import branches, walk
from translator.targets.airflow.controlflow.around import Around, arguments, ends, place
from translator.targets.airflow.controlflow.layers import layers, maps
from translator.targets.airflow.controlflow.lines import Lines
from translator.targets.airflow.controlflow.names import Names, each
from translator.targets.airflow.controlflow.order import listed, order_lines
from translator.targets.airflow.controlflow.routes import LOOKS, ways
from translator.targets.render import call, name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from translator.targets.airflow.controlflow.layers import Layer
    from translator.targets.airflow.controlflow.model import Line
    from translator.targets.airflow.controlflow.names import Path
    from translator.targets.airflow.controlflow.order import Link
    from translator.targets.airflow.controlflow.routes import Way
    from translator.targets.airflow.model import Arguments
    from translator.targets.render import Name


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
        around = Around(1)
        self._order(self._graph((), graph, around, last="finish"), around)
        self._out.end()

    @property
    def lines(self) -> Sequence[Line]:
        """The lines."""
        return self._out.lines

    @property
    def used(self) -> set[str]:
        """The imported names in them."""
        return self._out.used

    def _graph(
        self, path: Path, graph: ir.Graph, around: Around, first: str | None = None, last: str | None = None
    ) -> list[Link]:
        """The nodes of a graph; returns what waits for what among them and the tasks ``first`` and ``last``."""
        if around.over is not None:
            return self._layers(path, graph, around, first, last)
        of = ways(graph)
        links = self._among(path, of)
        if first:
            links.insert(0, ([first], self._names.variable((*path, graph.start or ""))))
        if last:
            followed = {one.name for way in of.values() for one in way.after}
            links.append(([self._names.variable((*path, node)) for node in of if node not in followed], last))
        self._nodes(path, graph.nodes, of, around, self._names.ids(of), links)
        return links

    def _among(self, path: Path, of: Mapping[str, Way]) -> list[Link]:
        """What waits for what among some nodes of a graph."""
        variable = {node: self._names.variable((*path, node)) for node in of}
        links: list[Link] = []
        for node, way in of.items():
            before = [variable[one] for one in dict.fromkeys(one.name for one in way.after) if one in of]
            if before:
                links.append((before, variable[node]))
        return links

    def _nodes(  # noqa: PLR0913, PLR0917 - what nodes are, and where
        self,
        path: Path,
        nodes: Sequence[ir.Node],
        of: Mapping[str, Way],
        around: Around,
        ids: Mapping[str, str],
        links: Sequence[Link],
    ) -> None:
        mentioned = {one for sources, target in links for one in (*sources, target)}
        for node in nodes:
            variable = self._names.variable((*path, node.name))
            # In a function, linters ask what a variable is for.
            bound = variable if around.item is None or variable in mentioned else None
            self._node((*path, node.name), node, of[node.name], ids[node.name], bound, around)

    def _layers(self, path: Path, graph: ir.Graph, around: Around, first: str | None, last: str | None) -> list[Link]:
        """The nodes of a graph in the body of a map, in mapped groups and between them."""
        of = ways(graph)
        ids = self._names.ids(of)
        found = layers(graph, of)
        alone = not (first or last or len(found) > 1 or found[0].mapping)
        places = [[first]] if first else []
        before: str | None = None
        for layer in found:
            if layer.plain:
                places.append([self._piece(path, layer, of, ids, around, before, alone=alone)])
            for node in layer.mapping:
                way = of[node.name]
                looks = replace(way, guarded=way.guarded or not way.starts or not around.sure)
                inner = (*path, node.name)
                self._node(inner, node, looks, ids[node.name], self._names.variable(inner), around)
            if layer.mapping:
                places.append([self._names.variable((*path, node.name)) for node in layer.mapping])
                before = ids[layer.mapping[0].name]
        if last:
            places.append([last])
        return [(sources, target) for sources, targets in pairwise(places) for target in targets]

    def _piece(  # noqa: PLR0913, PLR0917 - what nodes are, and where
        self,
        path: Path,
        layer: Layer,
        of: Mapping[str, Way],
        ids: Mapping[str, str],
        around: Around,
        before: str | None,
        *,
        alone: bool,
    ) -> str:
        """A mapped group of the nodes of a layer, after the node ``before``; returns what stands for it."""
        inside = {node.name: of[node.name] for node in layer.plain}
        for node, way in inside.items():
            outside = (way.starts and not around.sure) or any(one.name not in inside for one in way.after)
            inside[node] = replace(way, guarded=way.guarded or outside)
        function = self._names.fresh(each(around.argument, before), ids.values())
        self._out.blank()
        self._out.line(around.depth, f"@{self._out.use('task_group').text}")
        self._out.line(around.depth, f"def {function}({around.argument}):")
        piece = Around(around.depth + 1, item=around.argument)
        links = self._among(path, inside)
        self._nodes(path, layer.plain, inside, piece, ids, links)
        self._order(links, piece)
        self._out.blank()
        expanded = f"{function}.expand({around.argument}={around.over}.output)"
        if not (before or layer.mapping or alone) and self._out.fits(around.depth, f"{expanded} >> again"):
            return expanded
        beside = f"after_{before}" if before else "".join(f"before_{ids[node.name]}" for node in layer.mapping[:1])
        title = self._names.fresh(beside or "each")
        items: dict[str, object] = {around.argument: name(f"{around.over}.output")}
        self._out.value(around.depth, None if alone else title, call(f"{function}.expand", **items))
        self._out.blank()
        return title

    def _node(  # noqa: PLR0913, PLR0917 - what a node is, and where
        self,
        path: Path,
        node: ir.Node,
        way: Way,
        id: str,  # noqa: A002 - Airflow's own word
        variable: str | None,
        around: Around,
    ) -> None:
        shown = node.name if node.name != id else None
        if isinstance(node, ir.ExecutionNode):
            said = (
                *arguments(task_id=id, task_display_name=shown, step=self._constants[path], item=around.item_argument),
                *arguments(**ends(way)),
                *self._guard(way),
                *arguments(retries=node.policy.tries - 1 or None),
            )
            self._out.step(around.depth, variable, place(node, way), said)
            return
        if isinstance(node, ir.MapNode) and around.over:
            self._out.line(around.depth, f"# For every {around.argument} at once: Airflow cannot nest mapped groups.")
        self._out.group(around.depth, call("TaskGroup", id, group_display_name=shown), variable, place(node, way))
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
                raise AssertionError(f"{type(node).__name__} in a control-flow graph")
        self._out.blank()

    def _parallel(self, path: Path, node: ir.ParallelNode, way: Way, around: Around) -> None:
        enter = self._enter(path, node, way, around)
        groups = self._branches(path, node.branches, around)
        self._join("parallel", way, around)
        self._out.line(around.depth, f"{enter} >> {groups} >> join" if enter else f"{groups} >> join")

    def _choice(self, path: Path, node: ir.ChoiceNode, way: Way, around: Around) -> None:
        choose = self._own("choose", path, node, ir.ChoiceNode)
        self._task(choose, "ChooseOperator", around, arguments(task_id="choose", on=node.on), self._guard(way))
        self._out.blank()
        cases = self._branches(path, node.cases, replace(around, sure=False))
        self._join("choice", way, around)
        self._out.line(around.depth, f"{choose} >> {cases} >> join")

    def _map(self, path: Path, node: ir.MapNode, way: Way, around: Around) -> None:
        shared = around.over is not None or maps(node.body)
        items = self._names.fresh(f"{self._names.variable(path)}_items") if shared else "items"
        listing = arguments(task_id="items", over=node.over, item=node.item)
        # Not mapped itself, even in the body of a map: there it lists the items of all of that one's items.
        self._task(items, "ItemsOperator", Around(around.depth), listing, self._guard(way))
        self._out.blank()
        body = Around(around.depth, over=items, argument=self._names.argument(node.item))
        begins_with_map = not layers(node.body, ways(node.body))[0].plain
        links = self._graph((*path, "*"), node.body, body, items if begins_with_map else None, "join")
        self._join("map", way, around, reducer=node.reducer)
        self._order(links, around)

    def _loop(self, path: Path, node: ir.LoopNode, way: Way, around: Around) -> None:
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
        said = arguments(task_id="again", number=name(number), until=node.until, index=node.index)
        self._task(again, "AgainOperator", iteration, said, self._guard(LOOKS) if waits else ())
        self._out.blank()
        self._order(self._graph((*path, "*"), node.body, iteration, first=again), iteration)
        self._out.line(around.depth + 1, f"{all_}.append({one})")
        self._out.blank()
        self._join("loop", way, around)
        self._out.line(around.depth, f"chain({enter}, *{all_})" if enter else f"chain(*{all_})")
        self._out.line(around.depth, f"{all_} >> join")

    def _branches(self, path: Path, graphs: Mapping[str, ir.Graph], around: Around) -> str:
        """A group for each branch; returns the list of them."""
        ids = self._names.ids(graphs)
        variables = [self._names.variable((*path, branch)) for branch in graphs]
        for variable, (branch, graph) in zip(variables, graphs.items(), strict=True):
            shown = branch if branch != ids[branch] else None
            self._out.group(around.depth, call("TaskGroup", ids[branch], group_display_name=shown), variable, None)
            inside = around.deeper()
            self._order(self._graph((*path, branch), graph, inside), inside)
            self._out.blank()
        return listed(variables)

    def _enter(self, path: Path, node: ir.Node, way: Way, around: Around) -> str | None:
        """The task that looks whether a node was reached, if it needs one."""
        if not way.guarded:
            return None
        enter = self._own("enter", path, node, ir.ParallelNode, ir.LoopNode)
        self._task(enter, "GuardOperator", around, arguments(task_id="enter"), self._guard(way))
        self._out.blank()
        return enter

    def _own(self, word: str, path: Path, node: ir.Node, *kinds: type) -> str:
        """The variable for a node's ``word`` that it names again after its branches, which may have one as well."""
        inside = (inner for branch in branches(node).values() for _, inner in walk(branch))
        if any(isinstance(inner, kinds) for inner in inside):
            return self._names.fresh(f"{self._names.variable(path)}_{word}")
        return word

    def _join(self, kind: str, way: Way, around: Around, reducer: str | None = None) -> None:
        said = arguments(task_id="join", kind=kind, reducer=reducer, **ends(way))
        # An operator's own default does not reach the mapped one.
        self._task("join", "JoinOperator", around, said, self._guard(LOOKS) if around.over else ())

    def _task(self, variable: str, operator: str, around: Around, said: Arguments, guard: Arguments = ()) -> None:
        """A task that runs no step; where it is in the body of a map but in no mapped group, itself mapped."""
        if around.over is None:
            self._out.task(around.depth, variable, operator, (*said, *arguments(item=around.item_argument), *guard))
            return
        shown = arguments(map_index_template="{{ task.item.label }}")
        self._out.task(around.depth, variable, operator, (*said, *guard, *shown), over=around.over)

    def _guard(self, way: Way) -> Arguments:
        if not way.guarded:
            return ()
        after = [call("complete" if one.outcome == "complete" else "failed", one.name) for one in way.after]
        for one in after:
            self._out.use(one.function.text)
        return (*(() if way.starts else (("after", after),)), ("trigger_rule", self._rule()))

    def _rule(self) -> Name:
        return self._out.use("TriggerRule.ALL_DONE")

    def _order(self, links: Sequence[Link], around: Around) -> None:
        for line in order_lines(links, around.depth):
            self._out.line(around.depth, line)
