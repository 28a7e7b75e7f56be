"""Build the DAG params of inputs, so that Airflow's trigger form takes the files of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import Param

from translator.shim.contract import INPUTS_SECTION

if TYPE_CHECKING:
    from collections.abc import Sequence

HINT = "One URI, or path in the project, per line."


def files_param(
    node: str,
    name: str,
    *,
    default: Sequence[str] | None = None,
    required: bool = False,
    description: str | None = None,
) -> Param:
    """Return a DAG param for the files of an input: a list of URIs, in the section *NODE inputs* of the trigger form.

    Args:
        node: the node, as the source file spells it.
        name: the input of its step.
        default: the URIs of a run that is given none.
        required: whether a run cannot start without files; otherwise, null means none.
        description: what the form says about the input, before how to write it.
    """
    schema: dict[str, Any] = {"type": ["array", "null"], "items": {"type": "string"}}
    if required or default:
        schema = {**schema, "type": "array", "minItems": 1}
    shown: dict[str, Any] = {
        "title": name,
        "description": f"{description} {HINT}" if description else HINT,
        "section": f"{node} {INPUTS_SECTION}",
    }
    return Param(**schema, **shown) if required else Param(list(default) if default else None, **schema, **shown)
