"""Write the search of a task node as generated files express it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator.runtime import lower_distribution
from translator.targets.render import call, constructor_call

if TYPE_CHECKING:
    from translator import ir
    from translator.targets.render import Call


def search_expression(search: ir.Search | None) -> Call | None:
    """Return the call that creates a search; None without one."""
    if search is None:
        return None
    space = {name: constructor_call(lower_distribution(distribution)) for name, distribution in search.space.items()}
    return call("Search", count=search.count, seed=search.seed, space=space or None)
