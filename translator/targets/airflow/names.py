"""Name the tasks of a node in a DAG file."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container, Mapping


def part_variables(variables: Mapping[str, str], reserved: Container[str]) -> dict[str, dict[str, str]]:
    """Return by node the variables of its tasks ``grid`` and ``run``, if it is a group.

    Args:
        variables: by node, its own variable.
        reserved: other names of the file.
    """
    taken = set(variables.values())
    found: dict[str, dict[str, str]] = {}
    for node, variable in variables.items():
        found[node] = {}
        for part in ("grid", "run"):
            wanted = f"{variable.rstrip('_')}_{part}"
            while wanted in taken or wanted in reserved:
                wanted += "_"
            taken.add(wanted)
            found[node][part] = wanted
    return found
