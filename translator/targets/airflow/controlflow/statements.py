"""Write the body of the DAG of a control-flow graph: tasks, task groups for composite nodes, and their order.

Each composite node is a task group that ends with ``join``. A parallel holds a group per branch; a map the task
``items`` and a mapped group; a choice the task ``choose`` and a group per case; a loop a group per iteration, made by
a ``for``. What must look how it was reached gets ``after=[...]``; in a parallel or a loop a first task ``enter`` does.
All of them are variables of the file, so what comes later can refer to them from anywhere.

The body of a map that has a map in it is several mapped groups (``layers``). The nodes between those lie in plain
groups, and their own tasks are mapped one by one.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from translator import ir
from translator.errors import UncheckedPipelineError
from translator.graphs import topological_order
from translator.nodes import BODY, walk
from translator.shim.contract import After
from translator.targets.airflow.controlflow.layers import layers
from translator.targets.airflow.controlflow.lines import Lines
from translator.targets.airflow.controlflow.names import ids
from translator.targets.airflow.controlflow.order import order_lines
from translator.targets.airflow.controlflow.position import Position, arguments, ends, place
from translator.targets.airflow.controlflow.routes import LOOKS, all_routes
from translator.targets.airflow.order import chain_line
from translator.targets.airflow.settings import retry_arguments
from translator.targets.render import EARLIER, Call, call, comment, literal, name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from translator.targets.airflow.controlflow.layers import Layer
    from translator.targets.airflow.controlflow.model import Line
    from translator.targets.airflow.controlflow.names import Names, Path
    from translator.targets.airflow.controlflow.order import Link
    from translator.targets.airflow.controlflow.routes import NodeRoutes
    from translator.targets.airflow.model import Arguments
    from translator.targets.render import Name


class Body:
    """A writer of the lines of a pipeline's body.

    Args:
        pipeline: the pipeline.
        constants: by path of a leaf, the constant of its step.
        names: of the file.
        settings: returns the arguments of a node's operator that follow from settings.
        outlets: by outermost node, the argument of its last task by which it updates assets.
    """

    def __init__(
        self,
        pipeline: ir.Pipeline,
        constants: Mapping[Path, Name],
        names: Names,
        settings: Callable[[ir.ExecutionNode], Arguments],
        outlets: Mapping[str, Arguments],
    ) -> None:
        self._constants = constants
        self._names = names
        self._settings = settings
        self._outlets: dict[Path, Arguments] = {(node,): argument for node, argument in outlets.items()}
        self._out = Lines()
        self._part = pipeline.part
        at = Position(1)
        self._earlier(pipeline, at)
        order = self._graph((), pipeline.graph, at, last="finish")
        self._out.blank()
        self._out.remark(at.depth, "Runs last, whatever happened: writes run.json and sets the run's state.")
        operator = self._out.use("ControlFlowFinishOperator").text
        self._out.value(at.depth, "finish", call(operator, task_id="finish"))
        self._out.blank()
        self._order(order, at)
        self._out.end()

    @property
    def lines(self) -> Sequence[Line]:
        """Return the lines."""
        return self._out.lines

    @property
    def used(self) -> set[str]:
        """Return the imported names in them."""
        return self._out.used

    def _earlier(self, pipeline: ir.Pipeline, at: Position) -> None:
        """Write references to the nodes that are left out and that the graph starts after."""
        if self._part is None or not pipeline.earlier:
            return
        self._out.remark(at.depth, EARLIER)
        for node in pipeline.earlier:
            reference = literal(call(self._out.use("earlier_node").text, node.name, run=self._part.run))
            line = f"{self._names.variable((node.name,))} = {reference}  {comment(node.span.place)}"
            self._out.line(at.depth, line)
        self._out.blank()

    def _routes(self, path: Path, graph: ir.Graph) -> dict[str, NodeRoutes]:
        """Return the routes of a graph's nodes; a part starts after outcomes of an earlier run."""
        routes_by_node = all_routes(graph)
        if path or self._part is None or not self._part.after or graph.start is None:
            return routes_by_node
        after = tuple(After(name, outcome.value) for name, outcome in self._part.after)
        first = replace(routes_by_node[graph.start], after=after, guarded=True, starts=False)
        return routes_by_node | {graph.start: first}

    def _graph(
        self, path: Path, graph: ir.Graph, at: Position, first: str | None = None, last: str | None = None
    ) -> list[Link]:
        """Write the nodes of a graph; return the dependencies among them and the tasks ``first`` and ``last``."""
        if at.over is not None:
            return self._layers(path, graph, at, first, last)
        routes_by_node = self._routes(path, graph)
        links = self._among(path, routes_by_node)
        if first:
            links.insert(0, ([first], self._names.variable((*path, graph.start or ""))))
        if last:
            links.append((self._leaves(path, routes_by_node), last))
        self._nodes(path, graph.nodes, routes_by_node, at, ids(path, routes_by_node))
        return links

    def _among(self, path: Path, routes_by_node: Mapping[str, NodeRoutes]) -> list[Link]:
        """Return the dependencies among some nodes of a graph."""
        variable = {node: self._names.variable((*path, node)) for node in routes_by_node}
        links: list[Link] = []
        for node, routes in routes_by_node.items():
            before = [variable[one] for one in dict.fromkeys(one.name for one in routes.after) if one in routes_by_node]
            if before:
                links.append((before, variable[node]))
        return links

    def _roots(self, path: Path, routes_by_node: Mapping[str, NodeRoutes]) -> list[str]:
        """Return the nodes among some that wait for no other of them."""
        return [
            self._names.variable((*path, node))
            for node, routes in routes_by_node.items()
            if not any(one.name in routes_by_node for one in routes.after)
        ]

    def _leaves(self, path: Path, routes_by_node: Mapping[str, NodeRoutes]) -> list[str]:
        """Return the nodes among some that no other of them waits for."""
        followed = {one.name for routes in routes_by_node.values() for one in routes.after}
        return [self._names.variable((*path, node)) for node in routes_by_node if node not in followed]

    def _nodes(
        self,
        path: Path,
        nodes: Sequence[ir.Node],
        routes_by_node: Mapping[str, NodeRoutes],
        at: Position,
        of_nodes: Mapping[str, str],
    ) -> None:
        """Write some nodes of a graph, each after those that it refers to."""
        named = {node.name: node for node in nodes}
        upstream = {one: [before.name for before in routes_by_node[one].after if before.name in named] for one in named}
        for node in topological_order(upstream):
            self._node((*path, node), named[node], routes_by_node[node], of_nodes[node], at)

    def _layers(self, path: Path, graph: ir.Graph, at: Position, first: str | None, last: str | None) -> list[Link]:
        """Write the nodes of a graph in the body of a map, in mapped groups and between them."""
        routes_by_node = all_routes(graph)
        of_nodes = ids(path, routes_by_node)
        places: list[tuple[list[str], list[str]]] = [([first], [first])] if first else []
        pieces: list[set[str]] = []
        before: str | None = None
        for layer in layers(graph, routes_by_node):
            if layer.plain:
                places.append(self._piece(path, layer, routes_by_node, of_nodes, at, before))
                pieces.append({node.name for node in layer.plain})
            looks = {node.name: _looking(routes_by_node[node.name], at) for node in layer.mapping}
            self._nodes(path, layer.mapping, looks, at, of_nodes)
            if layer.mapping:
                between = [self._names.variable((*path, node.name)) for node in layer.mapping]
                places.append((between, between))
                before = of_nodes[layer.mapping[0].name]
        if last:
            places.append(([last], [last]))
        upstream = {root: list(leaves) for (_, leaves), (roots, _) in pairwise(places) for root in roots}
        for source, target in _between(routes_by_node, pieces):
            upstream.setdefault(self._names.variable((*path, target)), []).append(self._names.variable((*path, source)))
        in_order = [first, *(self._names.variable((*path, node)) for node in routes_by_node)]
        return [([one for one in in_order if one in sources], target) for target, sources in upstream.items()]

    def _piece(  # noqa: PLR0913, PLR0917 - nodes and their position
        self,
        path: Path,
        layer: Layer,
        routes_by_node: Mapping[str, NodeRoutes],
        of_nodes: Mapping[str, str],
        at: Position,
        before: str | None,
    ) -> tuple[list[str], list[str]]:
        """Write a mapped group of the nodes of a layer, after the node ``before``; return its roots and its leaves."""
        inside = {node.name: routes_by_node[node.name] for node in layer.plain}
        for node, routes in inside.items():
            outside = (routes.starts and not at.sure) or any(one.name not in inside for one in routes.after)
            inside[node] = replace(routes, guarded=routes.guarded or outside)
        group = self._names.group(at.argument, before, of_nodes.values())
        opened = call(self._out.use("for_each").text, name(at.over or ""), group)
        item = self._names.item(at.argument, before, path)
        self._out.block(at.depth, opened, item)
        piece = Position(at.depth + 1, item=item)
        self._nodes(path, layer.plain, inside, piece, of_nodes)
        self._order(self._among(path, inside), piece)
        self._out.blank()
        return self._roots(path, inside), self._leaves(path, inside)

    def _node(
        self,
        path: Path,
        node: ir.Node,
        routes: NodeRoutes,
        id: str,  # noqa: A002 - Airflow's own word
        at: Position,
    ) -> None:
        variable = self._names.variable(path)
        display_name = node.name if node.name != id else None
        if isinstance(node, ir.ExecutionNode):
            guard = self._guard(path, routes)
            task_arguments = (
                *arguments(
                    task_id=id, task_display_name=display_name, step=self._constants[path], item=at.item_argument
                ),
                *arguments(**ends(routes)),
                *guard,
                *retry_arguments(node),
                *self._settings(node),
                *self._outlets.get(path, ()),
            )
            self._explain(at, guard)
            self._out.step(at.depth, variable, place(node, routes), task_arguments)
            return
        if isinstance(node, ir.MapNode) and at.over:
            once = f"For every {at.argument} at once: Airflow cannot nest mapped task groups."
            self._out.line(at.depth, comment(once))
        self._out.block(at.depth, self._group_of(id, display_name), variable, place(node, routes))
        inside = replace(at.deeper(), sure=at.sure and not routes.guarded)
        match node:
            case ir.ParallelNode():
                self._parallel(path, node, routes, inside)
            case ir.MapNode():
                self._map(path, node, routes, inside)
            case ir.ChoiceNode():
                self._choice(path, node, routes, inside)
            case ir.LoopNode():
                self._loop(path, node, routes, inside)
            case _:
                raise UncheckedPipelineError(f"{type(node).__name__} {node.name!r}", "in a control-flow graph")
        self._out.blank()

    def _parallel(self, path: Path, node: ir.ParallelNode, routes: NodeRoutes, at: Position) -> None:
        enter = self._enter(path, routes, at)
        groups = self._branches(path, node.branches, at)
        join = self._join("parallel", path, routes, at)
        self._out.order(at.depth, chain_line([*([[enter]] if enter else []), groups, [join]]))

    def _choice(self, path: Path, node: ir.ChoiceNode, routes: NodeRoutes, at: Position) -> None:
        choose = self._names.own(path, "choose")
        self._task(choose, "ChoiceOperator", at, arguments(task_id="choose", on=node.on), self._guard(path, routes))
        self._out.blank()
        cases = self._branches(path, node.cases, replace(at, sure=False))
        join = self._join("choice", path, routes, at)
        self._out.order(at.depth, chain_line([[choose], cases, [join]]))

    def _map(self, path: Path, node: ir.MapNode, routes: NodeRoutes, at: Position) -> None:
        items = self._names.own(path, "items")
        listing = arguments(task_id="items", over=node.over, item=node.item)
        # This task is not mapped, even in the body of a map, where it lists the inner items of all outer items.
        self._task(items, "ItemsOperator", Position(at.depth), listing, self._guard(path, routes))
        self._out.blank()
        body = Position(at.depth, over=items, argument=self._names.argument(node.item))
        begins_with_map = not layers(node.body, all_routes(node.body))[0].plain
        join = self._names.own(path, "join")
        links = self._graph((*path, BODY), node.body, body, items if begins_with_map else None, join)
        self._join("map", path, routes, at, reducer=node.reducer)
        self._order(links, at)

    def _loop(self, path: Path, node: ir.LoopNode, routes: NodeRoutes, at: Position) -> None:
        enter = self._enter(path, routes, at)
        again, iterations = (self._names.own(path, word) for word in ("again", "iterations"))
        inner = any(isinstance(iteration_group, ir.LoopNode) for _, iteration_group in walk(node.body))
        number, iteration_group = (self._names.own(path, word) if inner else word for word in ("number", "iteration"))
        self._out.use("chain")
        self._out.use("TaskGroup")
        self._out.line(at.depth, f"{iterations} = []")
        self._out.line(at.depth, f"for {number} in range({node.limit}):")
        self._out.line(at.depth + 1, f'with TaskGroup(f"iteration_{{{number}}}") as {iteration_group}:')
        iteration = replace(at.deeper(2), sure=False)
        waits = at.over is not None or any(inner.guarded for inner in all_routes(node.body).values())
        task_arguments = arguments(task_id="again", number=name(number), until=node.until, index=node.index)
        self._task(again, "IterationOperator", iteration, task_arguments, self._guard(path, LOOKS) if waits else ())
        self._out.blank()
        self._order(self._graph((*path, BODY), node.body, iteration, first=again), iteration)
        self._out.blank()
        self._out.line(at.depth + 1, f"{iterations}.append({iteration_group})")
        self._out.blank()
        join = self._join("loop", path, routes, at)
        self._out.line(at.depth, f"chain({enter}, *{iterations})" if enter else f"chain(*{iterations})")
        self._out.line(at.depth, f"{iterations} >> {join}")

    def _branches(self, path: Path, graphs: Mapping[str, ir.Graph], at: Position) -> list[str]:
        """Write a group for each branch; return the list of them."""
        of_branches = ids(path, graphs)
        variables = [self._names.variable((*path, branch)) for branch in graphs]
        for variable, (branch, graph) in zip(variables, graphs.items(), strict=True):
            display_name = branch if branch != of_branches[branch] else None
            self._out.block(at.depth, self._group_of(of_branches[branch], display_name), variable)
            inside = at.deeper()
            self._order(self._graph((*path, branch), graph, inside), inside)
            self._out.blank()
        return variables

    def _enter(self, path: Path, routes: NodeRoutes, at: Position) -> str | None:
        """Write the task that checks whether a node was reached, if it needs one; return its variable."""
        if not routes.guarded:
            return None
        enter = self._names.own(path, "enter")
        self._task(enter, "GuardOperator", at, arguments(task_id="enter"), self._guard(path, routes))
        self._out.blank()
        return enter

    def _join(self, kind: str, path: Path, routes: NodeRoutes, at: Position, reducer: str | None = None) -> str:
        """Write the fan-in of a composite node; return its variable."""
        join = self._names.own(path, "join")
        of_node = arguments(task_id="join", kind=kind, reducer=reducer, **ends(routes))
        task_arguments = (*of_node, *self._outlets.get(path, ()))
        self._task(join, "JoinOperator", at, task_arguments)
        return join

    def _task(
        self, variable: str, operator: str, at: Position, task_arguments: Arguments, guard: Arguments = ()
    ) -> None:
        """Write a task that runs no step; in the body of a map, outside mapped groups, it is mapped itself."""
        self._out.use(operator)
        self._explain(at, guard)
        if at.over is None:
            operator_call = Call(name(operator), (), (*task_arguments, *arguments(item=at.item_argument), *guard))
        else:
            operator_call = Call(name(f"{operator}.for_each"), (name(at.over),), (*task_arguments, *guard))
        self._out.value(at.depth, variable, operator_call)

    def _explain(self, at: Position, guard: Arguments) -> None:
        """Write why a task has a trigger rule, above the task."""
        if any(keyword == "trigger_rule" for keyword, _ in guard):
            self._out.remark(at.depth, "ALL_DONE: the task itself checks whether the run has reached it.")

    def _group_of(self, id: str, display_name: str | None) -> Call:  # noqa: A002 - Airflow's own word
        return call(self._out.use("TaskGroup").text, id, group_display_name=display_name)

    def _guard(self, path: Path, routes: NodeRoutes) -> Arguments:
        """Return the arguments of a task that checks whether the node at a path was reached, if it must."""
        if not routes.guarded:
            return ()
        if routes.starts:
            return arguments(trigger_rule=self._rule())
        after = [
            call(
                self._out.use("complete" if one.outcome == "complete" else "failed").text,
                name(self._names.variable((*path[:-1], one.name))),
            )
            for one in routes.after
        ]
        return arguments(after=after)

    def _rule(self) -> Name:
        return self._out.use("TriggerRule.ALL_DONE")

    def _order(self, links: Sequence[Link], at: Position) -> None:
        for line in order_lines(links, at.depth):
            self._out.order(at.depth, line)


def _between(routes_by_node: Mapping[str, NodeRoutes], pieces: Sequence[set[str]]) -> Iterator[tuple[str, str]]:
    """Yield the routes of a graph, as source and target, that do not lie in one of the ``pieces``."""
    for target, routes in routes_by_node.items():
        for source in dict.fromkeys(one.name for one in routes.after):
            if not any({source, target} <= piece for piece in pieces):
                yield source, target


def _looking(routes: NodeRoutes, at: Position) -> NodeRoutes:
    """Return the route of a node between mapped groups, if Airflow's own rules cannot tell."""
    return replace(routes, guarded=routes.guarded or not routes.starts or not at.sure)
