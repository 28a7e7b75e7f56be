"""Write the names of connections or blocks that have the credentials for inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator.shim.json_values import thawed

if TYPE_CHECKING:
    from translator import ir
    from translator.targets.render import Expression


def names_by_address(pipeline: ir.Pipeline, setting: ir.Json) -> Expression:
    """Return the names by the start of addresses; None without a setting, or if the source system has no such inputs.

    Args:
        pipeline: the pipeline.
        setting: the names, if there are any.
    """
    has_addresses = pipeline.graph.start is None
    return thawed(setting) if has_addresses and setting else None
