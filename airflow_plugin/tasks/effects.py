"""Record in Airflow which actions of a node took effect.

The task that evaluates them pushes an XCom. Airflow deletes it when it starts the task again, but not when it skips the
task without starting it, nor when a person marks it: what the XCom says counts only together with the states of tasks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from translator.shim.actions.effects import from_documents

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airflow.sdk import Context

    from translator.shim.actions.effects import Fired

KEY = "actions"
"""The key of the XCom with the effects, as ``run.json`` has them."""
_EVALUATED = ("success", "failed", "skipped")
"""The states of a task that has evaluated actions."""


def push(context: Context, fired: Sequence[Fired]) -> None:
    """Record the effects of actions that the current task has evaluated."""
    if fired:
        context["ti"].xcom_push(KEY, [one.document() for one in fired])


def effects(
    acting: Mapping[str, Sequence[str]], states: Mapping[str, Mapping[int, str | None]], pull: Callable[[str], Any]
) -> dict[str, tuple[Fired, ...]]:
    """Return by task the effects that count now.

    A task that a person marked as success no longer ends the run.

    Args:
        acting: the tasks that evaluate actions, each with the tasks that must succeed before it starts.
        states: by task the states of its instances.
        pull: returns the XCom of a task.
    """
    counting = {}
    for task, before in acting.items():
        state = states.get(task, {}).get(-1)
        above = [one for upstream in before for one in (states.get(upstream) or {-1: ""}).values()]
        if state not in _EVALUATED or any(one != "success" for one in above):
            continue
        fired = from_documents(pull(task) or ())
        counting[task] = tuple(one for one in fired if one.ends is None or state != "success")
    return {task: fired for task, fired in counting.items() if fired}
