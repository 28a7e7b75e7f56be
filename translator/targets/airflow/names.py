"""Name the tasks of a node in a DAG file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator.names import free

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def part_variables(variables: Mapping[str, str], reserved: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return by node the variables of its tasks ``grid`` and ``run``, if it is a group.

    Args:
        variables: by node, its own variable.
        reserved: other names of the file.
    """
    taken = {*variables.values(), *reserved}
    parts: dict[str, dict[str, str]] = {}
    for node, variable in variables.items():
        parts[node] = {}
        for part in ("grid", "run"):
            parts[node][part] = free(f"{variable.rstrip('_')}_{part}", taken)
            taken.add(parts[node][part])
    return parts
