"""Run nodes although upstream nodes were skipped: the last node of a ``multi_pass`` that stopped early."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect_plugin.dataflow.executions import Executions

if TYPE_CHECKING:
    from prefect.futures import PrefectFuture

    from prefect_plugin.run.run_state import Run


class Late:
    """A future that a node waits for without Prefect, which does not run a task after a skipped one."""

    __slots__ = ("future",)

    def __init__(self, future: PrefectFuture[Any]) -> None:
        self.future = future

    def executions(self, node: str) -> Any:
        """Return the executions of the node; none if it did not run."""
        self.future.wait()
        return self.future.result() if self.future.state.is_completed() else Executions(node)


def nothing_to_join(run: Run, name: str) -> str | None:
    """Return why a joining node does not run: an upstream node failed, or no direct upstream node is complete."""
    for one in run.plans[name].upstream:
        if one in run.futures:
            run.futures[one].wait()
    waiting, seen = list(run.plans[name].upstream), set()
    while waiting:
        one = waiting.pop()
        if one in seen or one not in run.futures:
            continue
        seen.add(one)
        if run.futures[one].state.is_failed() or run.futures[one].state.is_crashed():
            return f"{one} failed"
        waiting.extend(run.plans[one].upstream)
    if any(one in run.futures and run.futures[one].state.is_completed() for one in run.plans[name].upstream):
        return None
    return "no upstream node is complete"
