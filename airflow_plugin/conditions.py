"""On what it depends whether a node runs: how a DAG file says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_plugin.parameters import DagParam


@dataclass(frozen=True)
class Condition:
    """That the verdict of a condition node, or a DAG param, is as expected."""

    of: str | DagParam
    expected: bool

    def __str__(self) -> str:
        name = self.of if isinstance(self.of, str) else self.of.keys[0]
        return f"{name} is {str(self.expected).lower()}"


def is_true(of: str | DagParam) -> Condition:
    """Holds where the condition node ``of`` came to true, or the DAG param is true."""
    return Condition(of, expected=True)


def is_false(of: str | DagParam) -> Condition:
    """Holds where the condition node ``of`` came to false, or the DAG param is false."""
    return Condition(of, expected=False)
