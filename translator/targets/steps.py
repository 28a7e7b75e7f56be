"""From a step of the pipeline to the expression that builds it in the generated file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator import ir
from translator.shim import contract
from translator.targets.scripts import lower_script
from translator.targets.typed import typed

if TYPE_CHECKING:
    from translator.targets.render import Expression


_SCRIPTS = frozenset({ir.StepKind.SCRIPT, ir.StepKind.CONDITION, ir.StepKind.COLLECT})
"""The kinds of steps that generated files write as calls of ``translator.shim.loom``."""


def step_of(node: ir.StepNode, dialect: str) -> Expression:
    """The step of a node as generated files say it.

    Args:
        node: the node.
        dialect: the source language, which says how the step is run.
    """
    files = node.grid.files if isinstance(node, ir.TaskNode) else None
    step = node.step
    joins_with_command = step.kind is ir.StepKind.COLLECT and step.command
    if step.kind in _SCRIPTS and not joins_with_command:
        return lower_script(step, files)
    return lower_step(step, dialect, files)


def lower_step(step: ir.Step, dialect: str, files: ir.FileAxis | None = None) -> contract.Step:
    """The step as the shim knows it.

    Args:
        step: a node's step.
        dialect: the source language, which says how the step is run.
        files: what it runs over, if it is that of a task node over files.
    """
    return contract.Step(
        name=step.name,
        command=step.command,
        image=step.image,
        parameters=tuple(lower_parameter(parameter) for parameter in step.parameters),
        inputs=tuple(_input(item) for item in step.inputs),
        environment=dict(step.environment),
        required_environment=step.required_environment,
        time_limit=step.time_limit,
        no_output_timeout=step.no_output_timeout,
        source_path=step.source_path,
        source=step.span.place,
        dialect=dialect,
        kind=step.kind.value,
        outputs=tuple(item.name for item in step.outputs) if step.kind in _SCRIPTS else (),
        catalog=contract.Catalog(step.catalog.get, step.catalog.put, step.catalog.copy),
        returns={item.name: item.kind for item in step.returns},  # type: ignore[misc]  # the dialect has checked them
        secrets=step.secrets,
        options=dict(step.options),
        files=_files(files) if files is not None else None,
    )


def lower_parameter(parameter: ir.Parameter) -> contract.Parameter:
    """The parameter as the shim knows it."""
    default = typed(parameter, parameter.default)
    return contract.Parameter(
        name=parameter.name,
        type=parameter.type.value,
        default=list(default) if isinstance(default, tuple) else default,
        optional=parameter.optional,
        minimum=parameter.minimum,
        maximum=parameter.maximum,
        choices=parameter.choices,
        multiple=parameter.multiple.value if parameter.multiple else None,
        separator=parameter.separator,
        pass_as=parameter.pass_as,
        pass_true_as=parameter.pass_true_as,
        pass_false_as=parameter.pass_false_as,
    )


def _files(axis: ir.FileAxis) -> contract.FileAxis:
    return contract.FileAxis(axis.over, axis.into, axis.pattern, axis.items, axis.outputs, axis.sequential)


def _input(item: ir.Input) -> contract.Input:
    return contract.Input(
        name=item.name,
        default=item.default,
        optional=item.optional,
        keep_directories=item.keep_directories.value,
        filename=item.filename,
    )
