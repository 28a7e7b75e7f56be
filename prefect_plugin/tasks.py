"""Keep the class and attributes of a task when its options change."""

from __future__ import annotations

import copy
from typing import Any, ParamSpec, TypeVar

from prefect import Task

P = ParamSpec("P")
R = TypeVar("R")


class KeptTask(Task[P, R]):
    """A task whose ``with_options`` returns a task of the same class with the same attributes."""

    def with_options(self, **options: Any) -> Any:
        """Copy the task with other options; arguments are as of any task."""
        copied = copy.copy(self)
        vars(copied).update(vars(super().with_options(**options)))
        return copied
