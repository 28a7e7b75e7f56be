"""Compute once per DAG what tasks ask about it repeatedly."""

from __future__ import annotations

import weakref
from functools import wraps
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.sdk import DAG

Result = TypeVar("Result")


def once_per_dag(read: Callable[[DAG], Result]) -> Callable[[DAG], Result]:
    """Remember a function's result for the DAG that it read last; a process runs tasks of one DAG at a time."""
    last: list[tuple[weakref.ref[DAG], Result]] = []

    @wraps(read)
    def remembered(dag: DAG) -> Result:
        if not last or last[0][0]() is not dag:
            last[:] = [(weakref.ref(dag), read(dag))]
        return last[0][1]

    return remembered
