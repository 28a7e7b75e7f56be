"""From a pipeline with a routed graph to what the template of its DAG file sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator import ir
from translator.names import identifiers
from translator.targets import render
from translator.targets.airflow.model import StepConstant
from translator.targets.airflow.routed.body import Body
from translator.targets.airflow.routed.model import RoutedFile
from translator.targets.render import call, name
from translator.targets.steps import lower_step

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from translator.targets import GenerateOptions
    from translator.targets.airflow.model import Arguments
    from translator.targets.render import Name

_MODULES = {
    "Path": "pathlib",
    **dict.fromkeys(("DAG", "TaskGroup", "TriggerRule", "chain", "task_group"), "airflow.sdk"),
    **dict.fromkeys(
        (
            "AgainOperator",
            "ChooseOperator",
            "FinishOperator",
            "GuardOperator",
            "ItemsOperator",
            "JoinOperator",
            "StepOperator",
        ),
        "airflow_plugin.routed",
    ),
    **dict.fromkeys(("Catalog", "Step", "complete", "failed"), "translator.shim"),
}
"""Every name that a DAG file may import, in the order in which it does, and the module that has it."""
_STANDARD = ("pathlib",)
_RESERVED = frozenset(_MODULES)
_CONSTANTS = frozenset(("dag", "project"))


def lower(pipeline: ir.Pipeline, options: GenerateOptions, dag_id: str) -> RoutedFile:
    """What the template of a DAG file sees.

    Args:
        pipeline: a pipeline with a routed graph.
        options: what the file needs to know of its surroundings.
        dag_id: the DAG's id.
    """
    constants, constant_of = _steps(pipeline)
    body = Body(pipeline.graph, constant_of, _RESERVED)
    of_steps = {used for constant in constants for used in render.names_in(constant.step)}
    return RoutedFile(
        marker=render.marker(pipeline.file),
        imports=_imports({"DAG", "FinishOperator", "Path", *body.used, *of_steps}),
        project=render.project_expression(options.project),
        steps=constants,
        arguments=_dag(pipeline, dag_id),
        params={given.name: _plain(given.default) for given in pipeline.parameters},
        finish=call("FinishOperator", task_id="finish"),
        lines=body.lines,
    )


def _dag(pipeline: ir.Pipeline, dag_id: str) -> Arguments:
    return (
        ("dag_id", dag_id),
        ("dag_display_name", pipeline.name),
        ("description", f"{pipeline.dialect.capitalize()} pipeline at {pipeline.span.place}"),
        ("schedule", None),
        ("default_args", {"project": name("PROJECT"), "dialect": pipeline.dialect}),
        ("tags", [pipeline.dialect]),
    )


def _steps(pipeline: ir.Pipeline) -> tuple[tuple[StepConstant, ...], dict[tuple[str, ...], Name]]:
    """A constant for each different step, called as the node; and by path of a leaf the name of its constant."""
    texts: dict[str, str] = {}
    steps = {}
    text_of: dict[tuple[str, ...], str] = {}
    for path, node in leaves(pipeline.graph, ()):
        step = lower_step(node.step, pipeline.dialect)
        text = render.literal(step)
        if text not in texts:
            named = [part for part in path if part != "*"]
            choices = [" ".join(named[-count:]) for count in range(1, len(named) + 1)]
            free = (title for title in choices if title not in texts.values())
            texts[text] = next(free, f"{choices[-1]} {len(texts)}")
            steps[text] = step
        text_of[path] = text
    constants = identifiers(list(texts.values()), _CONSTANTS)
    named_by = {text: constants[title].upper() for text, title in texts.items()}
    return (
        tuple(StepConstant(named_by[text], step) for text, step in steps.items()),
        {path: name(named_by[text]) for path, text in text_of.items()},
    )


def leaves(graph: ir.Graph, above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], ir.ExecutionNode]]:
    """The nodes of a graph that run a step, with their paths; the body of a map or a loop is called ``*``."""
    for node in graph.nodes:
        path = (*above, node.name)
        match node:
            case ir.ExecutionNode():
                yield path, node
            case ir.ParallelNode(branches=branches) | ir.ChoiceNode(cases=branches):
                for branch, inner in branches.items():
                    yield from leaves(inner, (*path, branch))
            case ir.MapNode(body=body) | ir.LoopNode(body=body):
                yield from leaves(body, (*path, "*"))
            case _:
                continue


def _imports(used: Container[str]) -> tuple[tuple[str, ...], ...]:
    modules: dict[str, list[str]] = {}
    for imported, module in _MODULES.items():
        if imported in used:
            modules.setdefault(module, []).append(imported)
    standard = tuple(render.import_line(module, names) for module, names in modules.items() if module in _STANDARD)
    others = tuple(render.import_line(module, names) for module, names in modules.items() if module not in _STANDARD)
    return standard, others


def _plain(value: object) -> object:
    """Arrays as lists, as people write them in JSON."""
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    if hasattr(value, "items"):
        return {key: _plain(item) for key, item in value.items()}
    return value
