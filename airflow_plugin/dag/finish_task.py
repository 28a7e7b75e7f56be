"""Recognise the task that ends a run."""

from __future__ import annotations

from typing import Any

FINISH = "finish"
"""The id of the task."""
DOCUMENT = "document"
"""The key of its XCom that holds the URI of ``run.json``; a failed task has no other."""
_OPERATORS = ("FinishOperator", "ControlFlowFinishOperator")


def is_finish(instance: Any) -> bool:
    """Return whether an instance in Airflow's database belongs to the task that ends a run of this plugin."""
    return bool(instance.task_id == FINISH and instance.operator in _OPERATORS)
