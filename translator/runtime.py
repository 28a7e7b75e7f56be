"""Convert the IR to the value types of the run contract, and values to those that a run sees."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from translator import ir
from translator.shim import contract
from translator.shim.json_values import frozen, thawed
from translator.shim.parameters import ParameterError, coerce

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SCRIPTS = frozenset({ir.StepKind.SCRIPT, ir.StepKind.CONDITION, ir.StepKind.COLLECT})
"""The kinds of steps that are scripts with paths: parameters hold the paths of their outputs."""


def lower_step(step: ir.Step, dialect: str, grid: ir.Grid | None = None) -> contract.Step:
    """Return the step as the shim represents it.

    Args:
        step: a node's step.
        dialect: the source language, which decides how the step runs.
        grid: the grid of its task node: a grid over files and a distributed task are part of the step.
    """
    files = grid.files if grid is not None else None
    distributed = grid.distributed if grid is not None else None
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
        stop_condition=step.stop_condition,
        source_path=step.source_path,
        source=step.span.place,
        dialect=dialect,
        kind=step.kind.value,
        outputs=tuple(item.name for item in step.outputs) if step.kind in SCRIPTS else (),
        catalog=contract.Catalog(step.catalog.get, step.catalog.put, step.catalog.copy),
        returns={item.name: item.kind for item in step.returns},  # type: ignore[misc]  # the dialect has checked them
        secrets=step.secrets,
        options=dict(step.options),
        files=lower_axis(files) if files is not None else None,
        resources=lower_resources(step.resources) if step.resources is not None else contract.Resources(),
        secret_variables=dict(step.secret_variables),
        commit=step.commit,
        requested_environment=step.request.environment,
        deployment=lower_deployment(step.deployment) if step.deployment is not None else None,
        distributed=lower_distributed(distributed) if distributed is not None else None,
    )


def lower_deployment(deployment: ir.Deployment) -> contract.Deployment:
    """Return a deployment as the shim represents it."""
    return contract.Deployment(
        deployment.name,
        tuple(
            contract.Endpoint(
                name=endpoint.name,
                image=endpoint.image,
                wsgi=endpoint.wsgi,
                server_command=endpoint.server_command,
                port=endpoint.port,
                files={file.name: file.path for file in endpoint.files},
                resources=thawed(endpoint.resources),
                node_selector=endpoint.node_selector,
                tolerations=thawed(endpoint.tolerations),
                workspace_volume=thawed(endpoint.workspace_volume),
                shared_volumes=thawed(endpoint.shared_volumes),
            )
            for endpoint in deployment.endpoints
        ),
        deployment.aliases,
    )


def lower_resources(resources: ir.Resources) -> contract.Resources:
    """Return the resources as the shim represents them: what an execution may use at most."""
    memory = resources.memory[1]
    return contract.Resources(resources.cpu[1], None if memory is None else int(memory), dict(resources.devices))


def lower_parameter(parameter: ir.Parameter) -> contract.Parameter:
    """Return the parameter as the shim represents it."""
    return replace(_untyped(parameter), default=thawed(typed(parameter, parameter.default)))


def lower_axis(axis: ir.FileAxis) -> contract.FileAxis:
    """Return the files that a step runs over as the shim represents them."""
    return contract.FileAxis(axis.over, axis.into, axis.pattern, axis.items, axis.outputs, axis.sequential)


def lower_distributed(distributed: ir.Distributed) -> contract.Distributed:
    """Return a distributed task as the shim represents it."""
    if distributed.timeout is None:
        return contract.Distributed(distributed.members)
    return contract.Distributed(distributed.members, distributed.timeout)


def lower_search(search: ir.Search) -> contract.Search:
    """Return a search as the shim represents it."""
    space = {name: lower_distribution(distribution) for name, distribution in search.space.items()}
    aim = search.objective
    objective = contract.Objective(aim.metric, aim.target, aim.batch_size) if aim is not None else None
    return contract.Search(search.count, search.seed, space, objective)


def lower_distribution(distribution: ir.Distribution) -> contract.Distribution:
    """Return a distribution as the shim represents it."""
    return contract.Distribution(
        distribution.minimum,
        distribution.maximum,
        distribution.kind.value,
        distribution.integers,
        distribution.seed,
    )


def coerced(parameter: ir.Parameter, value: object) -> ir.Value:
    """Convert a value to the type of a parameter, and a list to a tuple.

    Raises:
        ParameterError: the parameter does not accept it; the message is for the user.
    """
    converted: ir.Value = frozen(coerce(_untyped(parameter), value))
    return converted


def _untyped(parameter: ir.Parameter) -> contract.Parameter:
    return contract.Parameter(
        name=parameter.name,
        type=parameter.type.value,
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


def _input(item: ir.Input) -> contract.Input:
    return contract.Input(
        name=item.name,
        default=item.default,
        optional=item.optional,
        keep_directories=item.keep_directories.value,
        filename=item.filename,
        on_demand=item.on_demand,
    )


def typed(parameter: ir.Parameter, value: object) -> ir.Value:
    """Convert ``value`` to the type of ``parameter``: ``"1e-3"``, a string in YAML 1.1, becomes 0.001 for a float.

    An invalid value stays unchanged; ``translator.checks`` reports it.
    """
    try:
        return coerced(parameter, value)
    except ParameterError:
        unchanged: ir.Value = frozen(value)
        return unchanged


def typed_for_all(parameters: Sequence[ir.Parameter], value: ir.Json) -> ir.Json:
    """Convert ``value`` to the type of all ``parameters``; if they disagree, it stays unchanged.

    Args:
        parameters: the parameters that it sets.
        value: a value, or a list of values if one of the parameters is an axis.
    """
    if isinstance(value, tuple):
        return tuple(typed_for_all(parameters, item) for item in value)
    converted = [typed(parameter, value) for parameter in parameters]
    # A ``multiple`` parameter converts each of several values to a list of one.
    scalars = [one[0] if isinstance(one, tuple) and len(one) == 1 else one for one in converted]
    alike = {(type(scalar), scalar) for scalar in scalars}
    return scalars[0] if len(alike) == 1 else value


def atoms(value: object) -> Iterator[ir.Scalar]:
    """Yield the single values in a value, which may be a list of lists, without missing ones."""
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from atoms(item)
    elif isinstance(value, str | int | float):
        yield value
