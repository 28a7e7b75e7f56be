"""From a control-flow pipeline to what the template of its flow needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from translator import ir
from translator.targets import render
from translator.targets.prefect.controlflow import parameters
from translator.targets.prefect.controlflow.lines import lines, words
from translator.targets.prefect.controlflow.model import ControlFlowFile, Function, StepTask
from translator.targets.prefect.controlflow.names import Names, Path, names_of
from translator.targets.prefect.controlflow.statements import Walk, walk
from translator.targets.prefect.flow import documented, title_of
from translator.targets.prefect.imports import import_statements
from translator.targets.prefect.model import Flow
from translator.targets.prefect.text import doc, spread
from translator.targets.render import Name, call, literal
from translator.targets.steps import lower_step
from translator.walk import BODY, branches

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from translator.targets import GenerateOptions
    from translator.targets.render import Expression


@dataclass(slots=True)
class _File:
    """What is known of the file while its blocks are written; ``used`` are the names that it must import.

    ``tasks`` and ``onward`` are by the path of a graph and its nodes the names of their tasks, and those of the
    functions that begin with them.
    """

    pipeline: ir.Pipeline
    names: Names
    walks: Mapping[Path, Walk]
    tasks: Mapping[Path, Mapping[str, str]]
    onward: Mapping[Path, Mapping[str, str]]
    used: set[str] = field(default_factory=set)


def lower(pipeline: ir.Pipeline, options: GenerateOptions) -> ControlFlowFile:
    """What the template of a control-flow flow needs to know.

    Args:
        pipeline: a pipeline with a control-flow graph.
        options: what the file needs to know of its surroundings.
    """
    graphs = dict(_graphs(pipeline.graph, ()))
    walks = {path: walk(graph) for path, graph in graphs.items()}
    onward = [(*path, node) for path, made in walks.items() for node in made.onward]
    names = names_of(pipeline, onward)
    file = _File(pipeline, names, walks, _by_graph(names.places), _by_graph(names.onward))
    blocks = (*_nodes(file, pipeline.graph, ()), *_onward(file, ()))
    flow, statements = _flow(file), _statements(file, ())
    return ControlFlowFile(
        marker=render.marker(options.source or pipeline.file, options.pipeline or pipeline.name),
        imports=_imports(file, flow),
        project=render.project_expression(options.project),
        blocks=blocks,
        flow=flow,
        lines=statements,
    )


def _by_graph(names: Mapping[Path, str]) -> dict[Path, dict[str, str]]:
    found: dict[Path, dict[str, str]] = {}
    for path, name in names.items():
        found.setdefault(path[:-1], {})[path[-1]] = name
    return found


def _graphs(graph: ir.Graph, path: Path) -> Iterator[tuple[Path, ir.Graph]]:
    yield path, graph
    for node in graph.nodes:
        for name, inner in branches(node).items():
            yield from _graphs(inner, (*path, node.name, name))


def _nodes(file: _File, graph: ir.Graph, path: Path) -> Iterator[StepTask | Function]:
    """The tasks of a graph's nodes, each after what it uses."""
    for node in graph.nodes:
        here = (*path, node.name)
        place = node.span.place
        if isinstance(node, ir.ExecutionNode):
            step = lower_step(node.step, file.pipeline.dialect)
            file.used |= {"step_node", *render.names_in(step)}
            yield StepTask(file.names.places[here], place, call("step_node", step))
            continue
        for name, inner in branches(node).items():
            inside = (*here, name)
            yield from _nodes(file, inner, inside)
            yield from _onward(file, inside)
            yield _branch(file, node, inner, inside)
        yield _composite(file, node, here)


def _onward(file: _File, path: Path) -> Iterator[Function]:
    """The functions that begin in the middle of a graph, those called before those that call them."""
    tasks, functions = file.tasks[path], file.onward.get(path, {})
    for node, statements in reversed(file.walks[path].onward.items()):
        file.used |= {"Last", *words(statements)}
        head = f"def {functions[node]}(last: Last) -> Last:"
        made = doc(f"Go on from {node}, to which several ways lead.")
        yield Function(None, None, head, tuple(made), tuple(lines(statements, tasks, functions)))


def _branch(file: _File, node: ir.Node, graph: ir.Graph, path: Path) -> Function:
    listed = [Name(file.tasks[path][one.name]) for one in graph.nodes]
    arguments = [] if path[-1] == BODY else [path[-1]]
    file.used |= {"branch", "Last"}
    what = {ir.MapNode: "An item of", ir.LoopNode: "An iteration of"}.get(type(node), f"Branch {path[-1]} of")
    return Function(
        None,
        call("branch", *arguments, nodes=listed),
        f"def {file.names.places[path]}(last: Last) -> Last:",
        tuple(doc(f"{what} {node.name}.")),
        _statements(file, path),
    )


def _composite(file: _File, node: ir.Node, path: Path) -> Function:
    inner = {name: file.names.places[(*path, name)] for name in branches(node)}
    mapping = {name: Name(function) for name, function in inner.items()}
    keywords: dict[str, Expression] = {}
    returned = "Last"
    match node:
        case ir.ParallelNode():
            kind, returned = "parallel_node", "list[Last]"
            keywords["branches"] = mapping
            submitted = [f"{function}.submit(last)" for function in inner.values()]
            body = spread("return [", submitted, "]", indent=4).replace("\n    ", "\n").split("\n")
        case ir.MapNode():
            kind, returned = "map_node", "list[Last]"
            keywords |= {"body": Name(inner[BODY]), "item": node.item}
            if node.reducer is not None:
                keywords["reducer"] = node.reducer
            file.used.add("items")
            body = [f"return {inner[BODY]}.map(items(last, over={literal(node.over)}))"]
        case ir.LoopNode():
            kind = "loop_node"
            keywords["body"] = Name(inner[BODY])
            if node.index is not None:
                keywords["index"] = node.index
            file.used.add("again")
            body = [
                f"for index in range({node.limit}):",
                f"    last = {inner[BODY]}.submit(last, index)",
                f"    if not again(last, until={literal(node.until)}):",
                "        break",
                "return last",
            ]
        case ir.ChoiceNode():
            kind = "choice_node"
            keywords["cases"] = mapping
            file.used.add("chosen")
            body = [f"match chosen(last, on={literal(node.on)}):"]
            for name, function in inner.items():
                body += [f"    case {literal(name)}:", f"        return {function}.submit(last)"]
        case _:
            raise TypeError(f"no node with branches: {node!r}")
    file.used |= {kind, "Last"}
    head = f"def {file.names.places[path]}(last: Last) -> {returned}:"
    return Function(node.span.place, call(kind, node.name, **keywords), head, None, tuple(body))


def _flow(file: _File) -> Flow:
    pipeline, names = file.pipeline, file.names
    arguments = tuple(parameters.argument(one, names.arguments[one.name]) for one in pipeline.parameters)
    described = [(names.arguments[one.name], one.description) for one in pipeline.parameters if one.description]
    given = {one.name: Name(names.arguments[one.name]) for one in pipeline.parameters}
    file.used |= {"finish", "record_crash", "run_of"}
    run = call(
        "run_of",
        pipeline.name,
        dialect=pipeline.dialect,
        project=Name("PROJECT"),
        parameters=given or None,
        nodes=[Name(file.tasks[()][node.name]) for node in pipeline.nodes],
    )
    text = documented(pipeline.name, described)
    return Flow(names.flow, title_of(pipeline.name), pipeline.span.place, text, arguments, run, threads=1)


def _statements(file: _File, path: Path) -> tuple[str, ...]:
    """The lines of the function that walks the graph at ``path``."""
    main = file.walks[path].main
    file.used |= words(main)
    end = "{}" if path else "finish({})"
    return tuple(lines(main, file.tasks[path], file.onward.get(path, {}), end=end))


def _imports(file: _File, flow: Flow) -> tuple[str, ...]:
    annotations = " ".join(one.annotation for one in flow.arguments)
    typing = [name for name in ("Annotated", "Any") if name in annotations]
    shim = file.used & {"Catalog", "Step"}
    prefect = {"State", "flow"} | (file.used & {"allow_failure"})
    wanted: dict[str, Iterable[str]] = {
        "pathlib": ["Path"],
        "typing": typing,
        "": [],
        "prefect": prefect,
        "prefect.task_runners": ["ThreadPoolTaskRunner"],
        "prefect_plugin.controlflow": file.used - shim - prefect - {"allow_failure"},
        "pydantic": ["Field"] if "Annotated" in annotations else [],
        "translator.shim": shim,
    }
    return import_statements(wanted)
