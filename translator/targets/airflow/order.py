"""Order tasks, as the lines with ``>>`` at the end of a DAG file."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from translator.targets.airflow.model import OrderLine
from translator.targets.render import INDENT, WIDTH

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


_EARLY = "Wait for these too, not only for the leaves: a leaf can fail while they still run."


def awaited(after: Mapping[str, Sequence[str]], mapped: Mapping[str, str]) -> list[str]:
    """Return the direct upstream tasks of the last task, so that it starts when no other task runs.

    These are leaves, mapped steps, and nodes that may still run when all their downstream nodes have ended: a task
    with the rule ``all_success`` ends as soon as one of several upstream tasks has failed.

    Args:
        after: by node, its downstream nodes.
        mapped: by node whose step is mapped, the variable of that step.
    """
    waits_for: dict[str, int] = dict.fromkeys(after, 0)
    for followers in after.values():
        for follower in followers:
            waits_for[follower] += 1
    upstream = []
    for node, followers in after.items():
        if node in mapped:
            upstream.append(mapped[node])
        if not followers or (node not in mapped and all(waits_for[follower] > 1 for follower in followers)):
            upstream.append(node)
    return upstream


def order_lines(after: Mapping[str, Sequence[str]], last: str, waits: Sequence[str]) -> tuple[OrderLine, ...]:
    """Write the order in few lines: nodes with the same single downstream node share a line, and chains are one line.

    Args:
        after: by node, the nodes after it.
        last: the last task.
        waits: its direct upstream tasks.
    """
    fan_in: dict[str, list[str]] = {}
    for node, followers in after.items():
        if len(followers) == 1:
            fan_in.setdefault(followers[0], []).append(node)
    links: list[tuple[Sequence[str], Sequence[str]]] = []
    for node, followers in after.items():
        if len(followers) > 1:
            links.append(([node], followers))
        elif followers and fan_in[followers[0]][-1] == node:
            links.append((fan_in[followers[0]], followers))
    links.append((waits, [last]))
    chains: list[list[Sequence[str]]] = []
    ends: dict[tuple[str, ...], int] = {}
    for sources, targets in links:
        place = ends.pop(tuple(sources), None)
        if place is not None and fits([*chains[place], targets]):
            chains[place].append(targets)
        else:
            place = len(chains)
            chains.append([sources, targets])
        ends[tuple(targets)] = place
    lines = [chain_line(chain) for chain in chains]
    if any(after.get(node, [last]) for node in waits):
        lines[ends[last,]] = replace(lines[ends[last,]], note=_EARLY)
    return tuple(lines)


def fits(chain: Sequence[Sequence[str]], depth: int = 1) -> bool:
    """Return whether a chain fits on a line that is indented ``depth`` times."""
    return INDENT * depth + len(" >> ".join(_names(names) for names in chain)) <= WIDTH


def _names(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"[{', '.join(names)}]"


def chain_line(chain: Sequence[Sequence[str]]) -> OrderLine:
    """Return the chain as a line; only its last list may take several lines."""
    lists = [place for place, names in enumerate(chain) if len(names) > 1]
    if not lists:
        return OrderLine(" >> ".join(_names(names) for names in chain), (), "")
    place = lists[-1]
    before = "".join(f"{_names(names)} >> " for names in chain[:place])
    after = "".join(f" >> {_names(names)}" for names in chain[place + 1 :])
    return OrderLine(before, tuple(chain[place]), after)
