"""Create task runners for generated flows, and for tasks that submit other tasks."""

from __future__ import annotations

import contextlib
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, cast

from prefect.context import FlowRunContext
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from prefect_plugin.exceptions import OutsideRunError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefect.futures import PrefectFuture


WIDTH = 16
"""How many executions of a task node, or items of a map, run at once by default."""

_submitting_to: ContextVar[TaskRunner[Any] | None] = ContextVar("submitting_to", default=None)


def thread_pool(max_workers: int) -> TaskRunner[PrefectFuture[Any]]:
    """Return a ``ThreadPoolTaskRunner`` with the type that ``@flow`` asks for; mypy refuses the runner's own type.

    Args:
        max_workers: the number of nodes that run or wait at once.
    """
    return cast("TaskRunner[PrefectFuture[Any]]", ThreadPoolTaskRunner(max_workers=max_workers))


def current_task_runner() -> TaskRunner[Any] | None:
    """Return the task runner that the current task submits to; None if it is the flow's."""
    return _submitting_to.get()


@contextlib.contextmanager
def submitting_to(runner: TaskRunner[Any]) -> Iterator[None]:
    """Start a task runner, and submit our tasks to it while the context is open.

    Raises:
        OutsideRunError: it is not opened in a flow run.
    """
    if FlowRunContext.get() is None:
        raise OutsideRunError("nodes run in a flow")
    with runner:
        token = _submitting_to.set(runner)
        try:
            yield
        finally:
            _submitting_to.reset(token)


def own_threads(count: int) -> contextlib.AbstractContextManager[None]:
    """Submit tasks to a runner of ``count`` threads while the context is open: a task that waits blocks no other.

    Raises:
        OutsideRunError: it is not opened in a flow run.
    """
    return submitting_to(ThreadPoolTaskRunner(max_workers=count))
