"""The lines with ``>>``: chains of what follows one another alone, then what waits for several."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from translator.targets import render

if TYPE_CHECKING:
    from collections.abc import Sequence

Link: TypeAlias = "tuple[Sequence[str], str]"
"""Some things, and what waits for all of them."""


def order_lines(links: Sequence[Link], depth: int) -> list[str]:
    """Write what waits for what in few lines, each after those that it goes on from.

    Args:
        links: what waits for what.
        depth: how deep the lines are indented.
    """
    lines: list[list[str]] = []
    open_at: dict[str, int] = {}
    for sources, target in _ordered(links):
        place = open_at.pop(sources[0], None) if len(sources) == 1 else None
        if place is not None and render.INDENT * depth + len(" >> ".join([*lines[place], target])) <= render.WIDTH:
            lines[place].append(target)
        else:
            place = len(lines)
            lines.append([listed(sources), target])
        open_at[target] = place
    return [" >> ".join(line) for line in lines]


def listed(names: Sequence[str]) -> str:
    """A name, or several in brackets."""
    return names[0] if len(names) == 1 else f"[{', '.join(names)}]"


def _ordered(links: Sequence[Link]) -> list[Link]:
    """The links with each after those that end where it begins, as far as the order of the file allows."""
    left = list(links)
    ordered: list[Link] = []
    while left:
        targets = {target for _, target in left}
        ready = [link for link in left if not targets & set(link[0])] or left[:1]
        taken = ready[0]
        if ordered:
            taken = next((link for link in ready if link[0] == [ordered[-1][1]]), taken)
        left.remove(taken)
        ordered.append(taken)
    return ordered
