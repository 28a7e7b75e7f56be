"""Submit tasks to the task runner of the enclosing node, and keep their class and attributes with other options."""

from __future__ import annotations

import copy
import inspect
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeAlias, TypedDict, TypeVar

from prefect import Task

from prefect_plugin.tasks.task_runners import current_task_runner

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from prefect.futures import PrefectFuture, PrefectFutureList

    Hook: TypeAlias = Callable[[Any, Any, Any], Any]


class TaskOptions(TypedDict, total=False):
    """Options that a node passes on to its Prefect task."""

    retry_delay_seconds: float
    retry_condition_fn: Callable[[Any, Any, Any], bool]
    on_completion: Sequence[Hook]
    on_failure: Sequence[Hook]
    on_running: Sequence[Hook]


P = ParamSpec("P")
R = TypeVar("R")


def kept_task(**options: Any) -> Callable[[Callable[P, R]], KeptTask[P, R]]:
    """Turn a function into a ``KeptTask``; options are as of any task."""
    return lambda function: KeptTask(function, **options)


class KeptTask(Task[P, R]):
    """A task of ours: it is submitted to the task runner of the enclosing node, if that has its own.

    ``with_options`` returns a task of the same class with the same attributes.
    """

    def with_options(self, **options: Any) -> Self:
        """Copy the task with other options; arguments are as of any task."""
        copied = copy.copy(self)
        vars(copied).update(vars(super().with_options(**options)))
        return copied

    def submit(self, *args: Any, **kwargs: Any) -> PrefectFuture[Any]:  # type: ignore[override]  # never a state
        """Submit the task; arguments are as of any task."""
        runner = current_task_runner()
        future: PrefectFuture[Any]
        if runner is None:
            future = super().submit(*args, **kwargs)
        else:
            wait_for = kwargs.pop("wait_for", None)
            bound = inspect.signature(self.fn).bind(*args, **kwargs)
            bound.apply_defaults()
            future = runner.submit(self, dict(bound.arguments), wait_for)
        return future

    def map(self, *args: Any, **kwargs: Any) -> PrefectFutureList[Any]:  # type: ignore[override]  # never states
        """Submit the task for each item of its arguments, except those that are ``unmapped``."""
        task: Task[Any, Any] = self
        runner = current_task_runner()
        futures: PrefectFutureList[Any]
        if runner is None:
            futures = super().map(*args, **kwargs)
        else:
            futures = runner.map(task, dict(inspect.signature(self.fn).bind(*args, **kwargs).arguments))
        return futures
