"""Keep the class and attributes of a task when its options change."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, ParamSpec, TypeAlias, TypedDict, TypeVar

from prefect import Task

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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


class KeptTask(Task[P, R]):
    """A task whose ``with_options`` returns a task of the same class with the same attributes."""

    def with_options(self, **options: Any) -> Any:
        """Copy the task with other options; arguments are as of any task."""
        copied = copy.copy(self)
        vars(copied).update(vars(super().with_options(**options)))
        return copied
