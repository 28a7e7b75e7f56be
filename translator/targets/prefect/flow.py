"""Write the flow function: its arguments, its docstring, and the run that it opens."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from translator import ir
from translator.names import digest, identifiers
from translator.targets import reuse
from translator.targets.outline import part_text
from translator.targets.prefect import forms
from translator.targets.prefect.annotations import AXIS
from translator.targets.prefect.model import Field, Flow
from translator.targets.prefect.names import FUNCTIONS
from translator.targets.prefect.settings import crash_hooks, flow_name, flow_options, store_arguments
from translator.targets.prefect.text import doc
from translator.targets.render import INDENT, WIDTH, Name, call, code, literal
from translator.targets.steps import runner_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from translator.targets.prefect.names import Names
    from translator.targets.prefect.plan import Plan
    from translator.targets.render import Expression

_FITS = WIDTH - INDENT
"""Columns of an argument of the flow."""
_GROUPS = {"Parameters": "Parameters", "Grid": "Grid", "Point": "Points of the grid"}
"""The content of the argument for a node's group, by kind."""
ONE_BY_ONE = "one node at a time"
"""The reason for one thread."""
_TEMPLATE = re.compile(r"\{(?=\{)")
_BANNED_IN_FLOW_NAMES = str.maketrans(dict.fromkeys("/%&><", "-"))


def flow_of(plan: Plan, names: Names) -> Flow:
    """Return the flow function of a pipeline."""
    pipeline = plan.pipeline
    arguments = [argument.field for argument in names.arguments.values()]
    described = [
        (names.arguments[item.name].field.name, item.description or _what_it_sets(item)) for item in pipeline.parameters
    ]
    for node, group in names.groups.items():
        if group is None:
            continue
        name = names.nodes[node]
        if group.constant is not None:
            arguments.append(Field(name, f"{AXIS}[{group.name}]", Name(group.constant)))
        else:
            arguments.append(Field(name, group.name, Name(f"{group.name}.default")))
        described.append((name, f"{_group_content(plan.nodes[node])} {code(node)}."))
    for node, group in names.inputs.items():
        if group is None:
            continue
        name = names.launched[node]
        arguments.append(Field(name, group.name, Name(f"{group.name}.default"), group.required))
        described.append((name, f"Files for the inputs of the node {code(node)}."))
    if names.reuse is not None:
        described.append((names.reuse.parameter, reuse.DESCRIPTION))
        arguments.append(Field(names.reuse.parameter, "bool", True))  # noqa: FBT003 - the default
    arguments.sort(key=lambda argument: not argument.required)
    parameters = {name: Name(argument.field.name) for name, argument in names.arguments.items()}
    nodes, limit = len(pipeline.nodes), pipeline.concurrency
    limited = limit is not None and 1 < limit < nodes
    run = call(
        "run_of",
        pipeline.name,
        project=Name("PROJECT"),
        **store_arguments(pipeline),
        max_workers=limit if limited else None,
        parameters=parameters or None,
        **_reuse(names),
    )
    taken = FUNCTIONS | runner_names(pipeline.graph) | {*names.functions.values()}
    name = identifiers([pipeline.title], taken)[pipeline.title]
    place = pipeline.span.place
    threads = 1 if limit == 1 else nodes
    return Flow(
        name,
        title_of(flow_name(pipeline)),
        place,
        documented(pipeline, described),
        tuple(map(_fitted, arguments)),
        run,
        threads,
        ONE_BY_ONE if threads == 1 else "a thread per node",
        limited,
        flow_options(pipeline, names.hooks),
        crash_hooks(pipeline, names.hooks),
    )


def _reuse(names: Names) -> dict[str, Expression]:
    """Return the arguments of ``run_of`` that say which nodes reuse results."""
    if names.reuse is None:
        return {}
    nodes = list(names.reuse.nodes) if names.reuse.nodes is not None else None
    return {"reuse": Name(names.reuse.parameter), "reuse_nodes": nodes}


def documented(pipeline: ir.Pipeline, arguments: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Return the lines of a flow function's docstring.

    Args:
        pipeline: the pipeline.
        arguments: the arguments with a description.
    """
    what = "Run the pipeline" if pipeline.part is None else "Run a part of the pipeline"
    lines = doc(_without_templates(f"{what} {code(pipeline.name)}."))
    if shown := part_text(pipeline):
        first, *more = doc(_without_templates(shown))
        lines += ["", f"{' ' * INDENT}{first}", *more]
    if pipeline.description:
        first, *more = doc(_without_templates(pipeline.description))
        lines += ["", f"{' ' * INDENT}{first}", *more]
    if arguments:
        lines += ["", "    Args:"]
        for argument, text in arguments:
            lines += doc(_without_templates(f"{argument}: {text}"), 8)
    return (*lines, "    ") if len(lines) > 1 else tuple(lines)


def _without_templates(text: str) -> str:
    """Return a text in which nothing is a template.

    ``prefect deploy`` substitutes ``{{ $HOME }}`` and the like in a flow's name and docstring.
    """
    return _TEMPLATE.sub("{ ", text)


def _fitted(argument: Field) -> Field:
    """Return the argument, with its type on several lines if it does not fit on one with its default."""
    kind, bracket, inside = argument.annotation.partition("[")
    if kind != "Annotated" or len(f"{argument.name}: {argument.annotation} = {literal(argument.default)},") <= _FITS:
        return argument
    inner = inside.removesuffix("]")
    if len(inner) > _FITS - INDENT:
        return argument
    spread = f"{kind}{bracket}\n{' ' * 2 * INDENT}{inner}\n{' ' * INDENT}]"
    return Field(argument.name, spread, argument.default)


def _group_content(node: ir.StepNode) -> str:
    """Describe the content of the argument for a node's group; the node's name follows."""
    if forms.is_axes(node) and isinstance(node, ir.TaskNode) and node.grid.search is not None:
        return forms.SEARCHED
    return f"{_GROUPS[forms.group_kind(node)]} of the node"


def _what_it_sets(parameter: ir.PipelineParameter) -> str:
    targets = [code(f"{target.node}.{target.parameter}") for target in parameter.targets]
    return f"Sets {', '.join(targets) or 'nothing'}."


def title_of(name: str) -> str:
    """Return the flow's name without characters that Prefect rejects; a digest keeps two such names apart.

    It is on one line, because Prefect sends it as an HTTP header, which ends at a line break.
    """
    flat = " ".join(name.split())
    title = "".join(char if char.isprintable() else " " for char in flat).translate(_BANNED_IN_FLOW_NAMES)
    title = _without_templates(title)
    if title == flat and title:
        return name if name.isprintable() else flat
    return f"{title} {digest(name)}".strip()
