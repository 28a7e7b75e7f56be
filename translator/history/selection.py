"""Choose executions of a run by the name that people type."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from translator.history.records import executions, nodes
from translator.history.runs import HistoryError
from translator.names import closest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from translator.history.records import Execution, Record

_NUMBERED = re.compile(r"(?P<node>.+?)(?:\[(?P<index>[0-9]{1,9})\]|\.(?P<number>[0-9]{1,9}))", re.DOTALL)


def select(record: Record, name: str | None) -> list[Execution]:
    """Return the executions of a run that a name selects, in file order.

    Args:
        record: the record of the run.
        name: a node (its path, or its own name if no other node has it), or an execution: ``NODE[1]`` or ``NODE.1``;
            a composite node selects what is in it. None selects all executions.

    Raises:
        HistoryError: the run has no such node or execution.
    """
    all_executions = list(executions(record))
    if name is None:
        return all_executions
    paths = [path for path, _ in nodes(record)]
    path = _path(name, paths)
    if path is not None:
        return [one for one in all_executions if tuple(one.path[: len(path)]) == tuple(path)]
    match = _NUMBERED.fullmatch(name)
    if match is not None and (path := _path(match["node"], paths)) is not None:
        index = int(match["index"] or match["number"])
        chosen = [one for one in all_executions if tuple(one.path) == tuple(path) and one.entry["index"] == index]
        if not chosen:
            raise HistoryError(f"node {match['node']!r} has no execution {index} in this run")
        return chosen
    guess = closest(name, [shown for one in paths for shown in (".".join(one), one[-1])])
    raise HistoryError(f"there is no node {name!r} in this run" + (f"; did you mean {guess!r}?" if guess else ""))


def _path(name: str, paths: Sequence[Sequence[str]]) -> Sequence[str] | None:
    """Return the path that a name means, if it means one."""
    whole = [path for path in paths if ".".join(path) == name]
    if whole:
        return whole[0]
    own = [path for path in paths if path[-1] == name]
    if len(own) > 1:
        several = ", ".join(repr(".".join(path)) for path in own[:3])
        raise HistoryError(f"{name!r} is the name of {len(own)} nodes in this run: {several}")
    return own[0] if own else None
