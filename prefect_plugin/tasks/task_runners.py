"""Create task runners for generated flows, and for tasks that submit other tasks."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, cast

from prefect.context import FlowRunContext
from prefect.task_runners import ThreadPoolTaskRunner

from prefect_plugin.exceptions import OutsideRunError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefect.futures import PrefectFuture
    from prefect.task_runners import TaskRunner


WIDTH = 16
"""How many executions of a task node, or items of a map, run at once by default."""


def thread_pool(max_workers: int) -> TaskRunner[PrefectFuture[Any]]:
    """Return a ``ThreadPoolTaskRunner`` with the type that ``@flow`` asks for; mypy refuses the runner's own type.

    Args:
        max_workers: the number of nodes that run or wait at once.
    """
    return cast("TaskRunner[PrefectFuture[Any]]", ThreadPoolTaskRunner(max_workers=max_workers))


@contextlib.contextmanager
def own_threads(count: int) -> Iterator[None]:
    """Submit tasks to a runner of ``count`` threads while the context is open: a task that waits blocks no other.

    Raises:
        OutsideRunError: it is not opened in a flow run.
    """
    flow_run = FlowRunContext.get()
    if flow_run is None:
        raise OutsideRunError("nodes run in a flow")
    runner: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(max_workers=count)
    with runner, flow_run.model_copy(update={"task_runner": runner}):  # tasks use the runner of their context
        yield
