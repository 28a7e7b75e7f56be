"""Resolve the parameters of a step that take their values from the DAG's params."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from translator.shim.contract import Value


@dataclass(frozen=True, slots=True)
class ParamReference:
    """The first of some DAG params that has a value in this run."""

    keys: tuple[str, ...]


Given: TypeAlias = "ParamReference | Value"
"""The source of a parameter in a DAG file: a DAG param, or the value itself."""


def dag_param(*keys: str) -> ParamReference:
    """Refer to the DAG param ``keys[0]``, or if it is null in a run, to the next one."""
    return ParamReference(keys)


def run_values(arguments: Mapping[str, Given], params: Mapping[str, object]) -> dict[str, Value]:
    """Return the values that a run gives to the parameters of a step.

    Args:
        arguments: by parameter, what the DAG file says.
        params: the DAG run's params.

    Returns:
        By parameter its value; a parameter whose DAG params are all null is left out, so that its default counts.
    """
    values: dict[str, Value] = {}
    for name, source in arguments.items():
        if not isinstance(source, ParamReference):
            values[name] = source
            continue
        value = next((params[key] for key in source.keys if params.get(key) is not None), None)
        if value is not None:
            values[name] = value  # type: ignore[assignment]  # the param's schema sees to it
    return values
