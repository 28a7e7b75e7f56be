"""The task runner of generated flows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from prefect.task_runners import ThreadPoolTaskRunner

if TYPE_CHECKING:
    from prefect.futures import PrefectFuture
    from prefect.task_runners import TaskRunner


def thread_pool(max_workers: int) -> TaskRunner[PrefectFuture[Any]]:
    """Return a ``ThreadPoolTaskRunner`` with the type that ``@flow`` asks for; mypy refuses the runner's own type.

    Args:
        max_workers: the number of nodes that run, or wait for others, at once.
    """
    return cast("TaskRunner[PrefectFuture[Any]]", ThreadPoolTaskRunner(max_workers=max_workers))
