"""Represent the conditions under which a node runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_plugin.parameters.dag_params import ParamReference


@dataclass(frozen=True)
class Condition:
    """A required verdict: that of the condition node ``of``, or the value of a DAG param."""

    of: str | ParamReference
    expected: bool

    def __str__(self) -> str:
        name = self.of if isinstance(self.of, str) else self.of.keys[0]
        return f"{name} is {str(self.expected).lower()}"
