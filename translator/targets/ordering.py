"""Put nodes in an order in which a file can define them: each after the nodes that it names."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


def in_order(upstream: Mapping[str, Collection[str]]) -> list[str]:
    """Return the keys of ``upstream`` in their order as far as those that each waits for come first.

    Args:
        upstream: by node, the nodes that must come before it, without a cycle.
    """
    places = {node: place for place, node in enumerate(upstream)}
    names = list(upstream)
    waiting = {node: set(before) for node, before in upstream.items()}
    followers: dict[str, list[str]] = {node: [] for node in upstream}
    for node, before in waiting.items():
        for source in before:
            followers[source].append(node)
    ready = [places[node] for node, before in waiting.items() if not before]
    ordered: list[str] = []
    while ready:
        node = names[heapq.heappop(ready)]
        ordered.append(node)
        for follower in followers[node]:
            waiting[follower].discard(node)
            if not waiting[follower]:
                heapq.heappush(ready, places[follower])
    return ordered
