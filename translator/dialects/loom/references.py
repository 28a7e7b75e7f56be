"""Resolve ``$name``: a data node, a parameter, or the branch of a switch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from translator.dialects.loom.paths import normal
from translator.names import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from translator.diagnostics import Diagnostics
    from translator.dialects.loom import model

BRANCHES = ("then", "else")
ITEM, OUTPUT = "loop_item", "loop_output"


@dataclass(frozen=True, slots=True)
class Names:
    """The names that a reference can use."""

    data: Mapping[str, model.DataNode]
    parameters: Mapping[str, model.Parameter]
    conditions: Mapping[str, model.Step]
    switches: Mapping[str, model.Step]

    def path(self, name: str) -> str:
        """Return the whole path of a data node, including the nodes that it is nested in."""
        path, seen = self.data[name].path, {name}
        parent = self.data[name].parent
        while parent and parent in self.data and parent not in seen and not path.startswith("/"):
            seen.add(parent)
            path = f"{self.data[parent].path.rstrip('/')}/{path}"
            parent = self.data[parent].parent
        return normal(path)

    def containers(self, name: str) -> list[str]:
        """Return the data node and those that it is nested in, the innermost first."""
        names_of_containers: list[str] = []
        current: str | None = name
        while current is not None and current in self.data and current not in names_of_containers:
            names_of_containers.append(current)
            current = self.data[current].parent
        return names_of_containers


@dataclass(frozen=True, slots=True)
class Target:
    """The meaning of a value: a data node or parameter by name, or the literal ``value``; and the branch of a switch.

    ``behind`` are the switches that produce the data of that switch, directly or indirectly: only their failure counts.
    """

    value: object
    data: str | None = None
    parameter: str | None = None
    switch: str | None = None
    branch: str | None = None
    behind: tuple[str, ...] = ()


def follow(  # noqa: C901, PLR0911
    slot: model.Slot, names: Names, diagnostics: Diagnostics, inside: tuple[str, ...] = ()
) -> Target | None:
    """Resolve a slot's value; return None, with an error, for an unknown reference.

    Args:
        slot: the slot.
        names: the defined names.
        diagnostics: receives the error.
        inside: the switches whose data is being followed.
    """
    name = slot.reference
    if name is None:
        return Target(slot.value)
    owner, dot, branch = name.partition(".")
    if dot and owner in names.switches:
        if branch not in BRANCHES:
            hint = did_you_mean(branch, BRANCHES, "branches")
            diagnostics.error("unknown-branch", f"switch {owner!r} has no branch {branch!r}", slot.span, hint=hint)
            return None
        payload = names.switches[owner].data
        if payload is None:
            message = f"switch {owner!r} has no 'data' for its branches"
            diagnostics.error("missing-key", message, names.switches[owner].span)
            return None
        if owner in inside:
            diagnostics.error("switch-cycle", f"the data of switch {owner!r} refers to its own branch", payload.span)
            return None
        inner = follow(payload, names, diagnostics, (*inside, owner))
        if inner is None:
            return None
        behind = (inner.switch, *inner.behind) if inner.switch is not None else ()
        return Target(inner.value, inner.data, inner.parameter, owner, branch, behind)
    if name in names.data:
        return Target(names.path(name), data=name)
    if name in names.parameters:
        return Target(names.parameters[name].value, parameter=name)
    known = [
        *names.data,
        *names.parameters,
        *(f"{switch}.{branch}" for switch in names.switches for branch in BRANCHES),
    ]
    hint = did_you_mean(name, known, "known names")
    if name in names.conditions:
        hint = "use the result of a condition in a switch: condition: $" + name
    elif name in names.switches:
        hint = f"name a branch: ${name}.then or ${name}.else"
    elif name in (ITEM, OUTPUT):
        hint = "it is defined only in steps with 'loop'"
    diagnostics.error("unknown-reference", f"there is no data node or parameter {name!r}", slot.span, hint=hint)
    return None


def check_nesting(data: Mapping[str, model.DataNode], diagnostics: Diagnostics) -> None:
    """Report data nodes that are nested in unknown nodes or in themselves."""
    for node in data.values():
        if node.parent is None:
            continue
        if node.parent not in data:
            hint = did_you_mean(node.parent, data, "data nodes")
            message = f"data node {node.name!r} is nested in {node.parent!r}, which is not a data node"
            diagnostics.error("unknown-reference", message, node.span, hint=hint)
            continue
        seen, current = {node.name}, node.parent
        while current in data and current not in seen:
            seen.add(current)
            current = data[current].parent or ""
        if current == node.name:
            diagnostics.error("nested-cycle", f"data node {node.name!r} is nested in itself", node.span)
