"""From a step of the pipeline to the value that the generated file builds for the shim."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator.shim import contract

if TYPE_CHECKING:
    from translator import ir


def lower_step(step: ir.Step, dialect: str) -> contract.Step:
    """The step as the shim knows it.

    Args:
        step: a node's step.
        dialect: the source language, which says how the step is run.
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
        dialect=dialect,  # type: ignore[arg-type]  # the dialects that there are, are those that the shim runs
        kind=step.kind.value,
        outputs=tuple(item.name for item in step.outputs) if dialect == "loom" else (),
        catalog=contract.Catalog(step.catalog.get, step.catalog.put, step.catalog.copy),
        returns={item.name: item.kind for item in step.returns},  # type: ignore[misc]  # the dialect has checked them
        secrets=step.secrets,
        options=dict(step.options),
    )


def lower_parameter(parameter: ir.Parameter) -> contract.Parameter:
    """The parameter as the shim knows it."""
    default = parameter.default
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


def lower_files(axis: ir.FileAxis) -> contract.FileAxis:
    """The files that a task node runs over, as the shim knows them."""
    return contract.FileAxis(axis.over, axis.into, axis.pattern, axis.items, axis.outputs, axis.sequential)


def _input(item: ir.Input) -> contract.Input:
    return contract.Input(
        name=item.name,
        default=item.default,
        optional=item.optional,
        keep_directories=item.keep_directories.value,
        filename=item.filename,
    )
