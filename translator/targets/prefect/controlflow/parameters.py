"""Turn the parameters of a control-flow pipeline into arguments of the flow, typed by their defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from translator.targets.prefect.forms import immutable
from translator.targets.prefect.model import Field
from translator.targets.render import call, literal

if TYPE_CHECKING:
    from translator import ir


def argument(parameter: ir.PipelineParameter, name: str) -> Field:
    """Return the argument of the flow for a parameter.

    Args:
        parameter: the pipeline's parameter.
        name: what the argument is called.
    """
    annotation = annotation_of(parameter.default)
    if name != parameter.name:
        annotation = f"Annotated[{annotation}, {literal(call('Field', title=parameter.name))}]"
    return Field(name, annotation, immutable(parameter.default))


def annotation_of(value: ir.Json) -> str:
    """Return the type of the values that may replace ``value``; a number is any number, as in JSON."""
    if value is None:
        return "Any"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, str):
        return "str"
    if isinstance(value, (int, float)):
        return "int | float"
    if isinstance(value, Mapping):
        return "Mapping[str, Any]"
    kinds = {annotation_of(item) for item in value}
    return f"Sequence[{kinds.pop()}]" if len(kinds) == 1 else "Sequence[Any]"
