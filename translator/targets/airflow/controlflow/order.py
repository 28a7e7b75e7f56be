"""Write the lines with ``>>``: first simple chains, then tasks that wait for several others."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from translator.targets.airflow.order import chain_line, fits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from translator.targets.airflow.model import OrderLine

Chain: TypeAlias = "list[list[str]]"
"""Lists of names, each of which waits for the previous list; of two neighbours at most one has several names."""
Link: TypeAlias = "tuple[Sequence[str], str]"
"""Several names, and what waits for all of them."""


def order_lines(links: Sequence[Link], depth: int) -> list[OrderLine]:
    """Write dependencies in few lines, each after those that it continues.

    Args:
        links: the dependencies.
        depth: the indentation of the lines.
    """
    chains: list[Chain] = []
    open_at: dict[str, int] = {}
    for sources, target in _ordered(links):
        place = open_at.pop(sources[0], None) if len(sources) == 1 else None
        if place is not None and fits([*chains[place], [target]], depth):
            chains[place].append([target])
        else:
            place = len(chains)
            chains.append([list(sources), [target]])
        open_at[target] = place
    return [chain_line(chain) for chain in _fanned_out(chains)]


def _fanned_out(chains: Sequence[Chain]) -> list[Chain]:
    """Join chains that follow each other and differ only in their last name: ``read >> [write, note]``."""
    joined: list[Chain] = []
    for chain in chains:
        *head, last = chain
        # Python has no ``>>`` between two lists.
        if joined and joined[-1][:-1] == head and len(head[-1]) == 1:
            joined[-1][-1].extend(last)
        else:
            joined.append([*head, list(last)])
    return joined


def _ordered(links: Sequence[Link]) -> list[Link]:
    """Return the links in an order in which each follows those that it continues, as far as possible."""
    waiting = list(links)
    ordered: list[Link] = []
    while waiting:
        targets = {target for _, target in waiting}
        ready = [link for link in waiting if not targets & set(link[0])] or waiting[:1]
        taken = ready[0]
        if ordered:
            taken = next((link for link in ready if link[0] == [ordered[-1][1]]), taken)
        waiting.remove(taken)
        ordered.append(taken)
    return ordered
