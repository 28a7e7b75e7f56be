"""Wait for the task runs of a run, and collect the final state to show for each."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from prefect_plugin.recovery.repair import TaskRunEnd
from prefect_plugin.tasks.futures import await_end
from prefect_plugin.tasks.states import SKIPPING, STOPPING, skipped, stopped

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prefect.futures import PrefectFuture

    from prefect_plugin.run.run_state import Run


def await_all(run: Run, seconds: float) -> None:
    """Wait until all task runs have ended, at most for ``seconds``."""
    deadline = time.monotonic() + seconds
    for future in _submitted(run):
        await_end(future, max(0.0, deadline - time.monotonic()))


def ends(run: Run) -> list[TaskRunEnd]:
    """Return the task runs of a run, with the states to show if the API does not know their end."""
    states = _node_states(run.record.document["nodes"]) if run.record is not None else {}
    task_runs = [
        TaskRunEnd(
            run.names[future.task_run_id],
            future,
            skipped(SKIPPING) if states.get(name) == "skipped" else stopped(STOPPING),
        )
        for name, future in run.futures.items()
    ]
    task_runs += [TaskRunEnd(name, future, stopped(STOPPING)) for name, future in run.mapped]
    return [replace(end, state=run.returned_states.get(end.future.task_run_id, end.state)) for end in task_runs]


def _node_states(nodes: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return the state of each node in ``run.json``, by name, or by path in branches."""
    states: dict[str, str] = {}
    for name, node in nodes.items():
        states[f"{prefix}{name}"] = node["state"]
        for branch, graph in node.get("branches", {}).items():
            states |= _node_states(graph["nodes"], f"{prefix}{name}.{branch}.")
    return states


def _submitted(run: Run) -> Iterator[PrefectFuture[Any]]:
    """Yield the futures of a run, including those that its tasks submit meanwhile, as branches do."""
    seen: set[str] = set()
    while waiting := [name for name in list(run.futures) if name not in seen]:
        for name in waiting:
            seen.add(name)
            yield run.futures[name]
