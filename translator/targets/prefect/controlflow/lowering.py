"""Lower a control-flow pipeline to the model of its flow."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from translator import ir, nodes
from translator.errors import UncheckedPipelineError
from translator.nodes import BODY, branches, reached_nodes
from translator.targets import render
from translator.targets.constants import Constant
from translator.targets.outline import outline
from translator.targets.prefect.controlflow import parameters
from translator.targets.prefect.controlflow.lines import lines, words
from translator.targets.prefect.controlflow.model import ControlFlowFile, Function, StepTask
from translator.targets.prefect.controlflow.names import Names, Path, names_of
from translator.targets.prefect.controlflow.statements import Walk, walk
from translator.targets.prefect.flow import ONE_BY_ONE, documented, title_of
from translator.targets.prefect.imports import import_statements, with_hooks
from translator.targets.prefect.model import Flow
from translator.targets.prefect.settings import (
    crash_hooks,
    flow_name,
    flow_options,
    node_hooks,
    of_node,
    retry_options,
    store_arguments,
)
from translator.targets.prefect.text import docstring_of, spread
from translator.targets.render import Name, call, code, literal
from translator.targets.runners import with_runners
from translator.targets.steps import step_expression

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from translator.targets import GenerateOptions
    from translator.targets.render import Call, Expression


@dataclass(slots=True)
class _File:
    """A file whose blocks are being written; ``used`` are the names that it must import.

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
    """Lower a control-flow pipeline to the model of its flow.

    Args:
        pipeline: a pipeline with a control-flow graph.
        options: the context of the file.
    """
    graphs = dict(_graphs(pipeline.graph, ()))
    walks = {path: walk(graph) for path, graph in graphs.items()}
    onward = [(*path, node) for path, walked in walks.items() for node in walked.onward]
    names = names_of(pipeline, onward)
    file = _File(pipeline, names, walks, _by_graph(names.places), _by_graph(names.onward))
    steps = tuple(_steps(file))
    blocks = (*_nodes(file, pipeline.graph, ()), *_onward(file, ()))
    flow, statements = _flow(file), _statements(file, ())
    return ControlFlowFile(
        marker=render.marker(
            options.source or pipeline.file, options.pipeline or pipeline.title, pipeline.configuration
        ),
        imports=_imports(file, flow, project_is_local=options.fetched is None),
        project=render.project_lines(options),
        constants=with_runners(steps, names.hooks.values()),
        outline=outline(pipeline.graph),
        blocks=blocks,
        flow=flow,
        lines=statements,
    )


def _by_graph(names: Mapping[Path, str]) -> dict[Path, dict[str, str]]:
    by_graph: dict[Path, dict[str, str]] = {}
    for path, name in names.items():
        by_graph.setdefault(path[:-1], {})[path[-1]] = name
    return by_graph


def _graphs(graph: ir.Graph, path: Path) -> Iterator[tuple[Path, ir.Graph]]:
    yield path, graph
    for node in graph.nodes:
        for name, inner in branches(node).items():
            yield from _graphs(inner, (*path, node.name, name))


def _steps(file: _File) -> Iterator[Constant]:
    """Yield the steps of all nodes, in the order of the source file."""
    for path, node in nodes.walk(file.pipeline.graph):
        if isinstance(node, ir.ExecutionNode):
            step = step_expression(node.step)
            file.used |= set(render.names_in(step))
            yield Constant(file.names.constants[path], step)


def _nodes(file: _File, graph: ir.Graph, path: Path) -> Iterator[StepTask | Function]:
    """Yield the tasks of a graph's nodes, each after those that it uses."""
    reached = reached_nodes(graph)
    for node in graph.nodes:
        here = (*path, node.name)
        if isinstance(node, ir.ExecutionNode):
            file.used.add("step_node")
            name = file.names.places[here]
            task = call("step_node", Name(file.names.constants[here]), **_task_options(file, node))
            yield StepTask(name, task, reached=node.name in reached)
            continue
        for name, inner in branches(node).items():
            inside = (*here, name)
            yield from _nodes(file, inner, inside)
            yield from _onward(file, inside)
            yield _branch(file, node, inner, inside)
        yield _composite(file, node, here, reached=node.name in reached)


def _task_options(file: _File, node: ir.ExecutionNode) -> dict[str, Expression]:
    """Return the options that settings give the task of a node."""
    settings = of_node(file.pipeline, node)
    tags = settings.get("tags")
    options = {**retry_options(settings, node.policy.tries), "tags": list(tags) if isinstance(tags, tuple) else None}
    if "retry_condition_fn" in options:
        file.used.add("infrastructure_failed")
    return {**options, **node_hooks(settings, file.names.hooks)}


def _onward(file: _File, path: Path) -> Iterator[Function]:
    """Yield the functions that begin in the middle of a graph, those called before those that call them."""
    tasks, functions = file.tasks[path], file.onward.get(path, {})
    for node, statements in reversed(file.walks[path].onward.items()):
        file.used |= {"Token", *words(statements)}
        head = f"def {functions[node]}(token: Token) -> Token:"
        described = docstring_of(f"Continue at {code(node)}, which several steps lead to.")
        yield Function(None, head, described, tuple(lines(statements, tasks, functions)))


def _branch(file: _File, node: ir.Node, graph: ir.Graph, path: Path) -> Function:
    listed = [Name(file.tasks[path][one.name]) for one in graph.nodes]
    arguments = [] if path[-1] == BODY else [path[-1]]
    file.used |= {"branch", "Token"}
    word = "case" if isinstance(node, ir.ChoiceNode) else "branch"
    named = {ir.MapNode: "one item", ir.LoopNode: "one iteration"}
    return Function(
        _decorator(call("branch", *arguments, nodes=listed)),
        f"def {file.names.places[path]}(token: Token) -> Token:",
        docstring_of(f"Run {named.get(type(node), f'the {word} {code(path[-1])}')} of {code(node.name)}."),
        _statements(file, path),
    )


def _composite(file: _File, node: ir.Node, path: Path, *, reached: bool) -> Function:
    inner = {name: file.names.places[(*path, name)] for name in branches(node)}
    mapping = {name: Name(function) for name, function in inner.items()}
    keywords: dict[str, Expression] = {}
    returned = "Token"
    match node:
        case ir.ParallelNode():
            kind, returned = "parallel_node", "Sequence[Token]"
            keywords["branches"] = mapping
            submitted = [f"{function}.submit(token)" for function in inner.values()]
            what = "Run all branches in parallel."
            body = spread("return [", submitted, "]", indent=4).replace("\n    ", "\n").split("\n")
        case ir.MapNode():
            kind, returned = "map_node", "Sequence[Token]"
            keywords |= {"body": Name(inner[BODY]), "item": node.item}
            if node.reducer is not None:
                keywords["reducer"] = node.reducer
            file.used.add("items")
            what = f"Run {code(inner[BODY])} for each item of the parameter {code(node.over)}."
            body = [f"return {inner[BODY]}.map(items(token, over={literal(node.over)}))"]
        case ir.LoopNode():
            kind = "loop_node"
            keywords["body"] = Name(inner[BODY])
            if node.index is not None:
                keywords["index"] = node.index
            file.used.add("again")
            body_name, until = code(inner[BODY]), code(node.until)
            what = f"Run {body_name} until the parameter {until} is true, at most {node.limit} times."
            body = [
                f"for index in range({node.limit}):",
                f"    token = {inner[BODY]}.submit(token, index)",
                f"    if not again(token, until={literal(node.until)}):",
                "        break",
                "return token",
            ]
        case ir.ChoiceNode():
            kind = "choice_node"
            keywords["cases"] = mapping
            file.used.add("chosen")
            what = f"Run the case that the parameter {code(node.on)} selects."
            body = [f"return chosen(token, on={literal(node.on)}).submit(token)"]
        case _:
            raise UncheckedPipelineError(f"{type(node).__name__} {node.name!r}", "in a control-flow graph")
    file.used |= {kind, "Token", *(["Sequence"] if returned != "Token" else [])}
    head = f"def {file.names.places[path]}(token: Token) -> {returned}:"
    decorator = _decorator(call(kind, node.name, **keywords), node.span.place + ("" if reached else " (unreachable)"))
    return Function(decorator, head, docstring_of(what), tuple(body))


def _decorator(decorator: Call, place: str | None = None) -> str:
    """Return the text of a decorator, with the location of its node as a comment on its first line."""
    note = f"  {render.comment(place)}" if place else ""
    first, *rest = render.layout(decorator, indent=0, before=1, after=len(note)).split("\n")
    return "\n".join((f"@{first}{note}", *rest))


def _flow(file: _File) -> Flow:
    pipeline, names = file.pipeline, file.names
    arguments = tuple(parameters.argument(one, names.arguments[one.name]) for one in pipeline.parameters)
    described = [(names.arguments[one.name], one.description) for one in pipeline.parameters if one.description]
    values = {one.name: Name(names.arguments[one.name]) for one in pipeline.parameters}
    file.used |= {"finish_graph", "record_crash", "run_of_graph", "thread_pool"}
    after = pipeline.part.after if pipeline.part is not None else ()
    run = call(
        "run_of_graph",
        pipeline.name,
        dialect=pipeline.dialect,
        project=Name("PROJECT"),
        **store_arguments(pipeline),
        parameters=values or None,
        nodes=[Name(file.tasks[()][node.name]) for node in pipeline.nodes],
        starts_after=[(name, outcome.value) for name, outcome in after] or None,
        earlier_run=pipeline.part.run if pipeline.part is not None and after else None,
    )
    text = documented(pipeline, described)
    parallel = file.used & {"map_node", "parallel_node"}
    return Flow(
        names.flow,
        title_of(flow_name(pipeline)),
        pipeline.span.place,
        text,
        arguments,
        run,
        threads=1,
        threads_reason="branches have their own threads" if parallel else ONE_BY_ONE,
        limited=False,
        options=flow_options(pipeline, names.hooks),
        on_crashed=crash_hooks(pipeline, names.hooks),
    )


def _statements(file: _File, path: Path) -> tuple[str, ...]:
    """Return the lines of the function that walks the graph at ``path``."""
    main = file.walks[path].main
    file.used |= words(main)
    tasks, onward = file.tasks[path], file.onward.get(path, {})
    if path:
        return tuple(lines(main, tasks, onward))
    first, *rest = lines(main, tasks, onward, end="finish_graph({})")
    return first.replace("(token)", "(start)"), *rest


def _imports(file: _File, flow: Flow, *, project_is_local: bool) -> tuple[str, ...]:
    annotations = " ".join(one.annotation for one in flow.arguments)
    typing = [name for name in ("Annotated", "Any") if name in annotations]
    collections = {name for name in ("Mapping", "Sequence") if name in annotations} | (file.used & {"Sequence"})
    prefect = {"State", "flow"} | (file.used & {"allow_failure"})
    wanted: dict[str, Iterable[str]] = {
        "collections.abc": collections,
        "pathlib": ["Path"] if project_is_local else [],
        "typing": typing,
        "": [],
        "prefect": prefect,
        "prefect_plugin": file.used - prefect - collections,
        "pydantic": ["Field"] if "Annotated" in annotations else [],
    }
    return import_statements(with_hooks(wanted, file.names.hooks))
