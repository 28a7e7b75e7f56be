"""Walk directed graphs, given as the nodes that follow each node."""

from __future__ import annotations

import heapq
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence


def reachable(start: Iterable[object], following: Mapping[str, Iterable[object]]) -> frozenset[str]:
    """Return the nodes that are reachable from some nodes, including these.

    Args:
        start: the first nodes; anything that is not a key of ``following``, such as an end of a graph, leads nowhere.
        following: what follows each node.
    """
    reached: set[str] = set()
    waiting = list(start)
    while waiting:
        one = waiting.pop()
        if isinstance(one, str) and one in following and one not in reached:
            reached.add(one)
            waiting.extend(following[one])
    return frozenset(reached)


def cycles(below: Mapping[str, Sequence[str]]) -> Iterator[tuple[frozenset[str], list[str]]]:
    """Yield the groups of nodes that are on cycles, each with a shortest cycle: a path from its first node to itself.

    Args:
        below: by node, the nodes that its edges lead to; the order of the nodes decides which is the first.
    """
    places = {name: place for place, name in enumerate(below)}
    for component in strongly_connected(below):
        first = min(component, key=places.__getitem__)
        if len(component) > 1 or first in below[first]:
            yield frozenset(component), _way_back(first, below, frozenset(component))


def strongly_connected(below: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Return the groups of nodes that can reach each other (Tarjan 1972), without recursion.

    Args:
        below: by node, the nodes that its edges lead to.
    """
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    open_nodes: dict[str, None] = {}
    components: list[list[str]] = []
    for root in below:
        if root in index:
            continue
        work = [(root, iter(below[root]))]
        index[root] = low[root] = len(index)
        open_nodes[root] = None
        while work:
            node, successors = work[-1]
            for successor in successors:
                if successor not in index:
                    index[successor] = low[successor] = len(index)
                    open_nodes[successor] = None
                    work.append((successor, iter(below[successor])))
                    break
                if successor in open_nodes:
                    low[node] = min(low[node], index[successor])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    component: list[str] = []
                    while not component or component[-1] != node:
                        component.append(open_nodes.popitem()[0])
                    components.append(component)
    return components


def _way_back(start: str, below: Mapping[str, Sequence[str]], inside: frozenset[str]) -> list[str]:
    """Return a shortest path from ``start`` back to ``start``."""
    came: dict[str, str] = {}
    queue = deque([start])
    while queue:
        node = queue.popleft()
        for successor in below[node]:
            if successor == start:
                path = [start, node]
                while path[-1] != start:
                    path.append(came[path[-1]])
                return path[::-1] if node != start else [start, start]
            if successor in inside and successor not in came:
                came[successor] = node
                queue.append(successor)
    return [start, start]


def topological_order(upstream: Mapping[str, Collection[str]]) -> list[str]:
    """Return the keys of ``upstream`` in topological order, and otherwise in their own order.

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
