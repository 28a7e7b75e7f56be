"""Write the search of a task node as generated files express it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator.runtime import lower_search
from translator.targets.render import constructor_call

if TYPE_CHECKING:
    from translator import ir
    from translator.targets.render import Call


def search_expression(search: ir.Search | None) -> Call | None:
    """Return the call that creates a search; None without one."""
    return constructor_call(lower_search(search)) if search is not None else None


def batches(search: ir.Search) -> int:
    """Return the number of batches in which a search runs; 0 if all its executions are chosen at once."""
    return -(-search.count // search.objective.batch_size) if search.objective is not None else 0


def search_phrase(search: ir.Search) -> str:
    """Describe a search: what it is, and how many executions it has."""
    executions = f"{search.count} execution{'s' if search.count > 1 else ''}"
    if search.objective is None:
        return f"random search of {executions}"
    return f"Bayesian search of {executions}, {search.objective.batch_size} at a time"
