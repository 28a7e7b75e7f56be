"""Ways through routed graphs on real Airflow, by ``dag.test()``: what becomes of them is what is predicted.

All ways of a dialect are branches of one parallel node, for Airflow takes far longer to begin a run than to go on. A
few are always run; all of them where ``TRANSLATOR_PROPERTY_EXAMPLES`` is set, as ``make property`` does.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.routed.build import case, graph
from tests.routed.nested import NESTED, NESTED_RUNNABLE
from tests.routed.run import differences
from tests.routed.table import CASES, GIVEN, RUNNABLE

if TYPE_CHECKING:
    from tests.airflow.conftest import Embedded
    from tests.routed.build import Graph

FEW = (
    "shared and joining",
    "unreachable",
    "parallel handled outside",
    "map of no list",
    "map in a map, not reached by each item",
    "map in a map, or another",
    "map of no list in a map",
    "map in a parallel in a map, reached by some items",
    "no such case in a map",
    "map in a loop in a map",
)
WAYS: dict[str, dict[str, Graph]] = {
    "magnus": {name: row[0] for name, row in CASES.items()},
    "magnus, nested": NESTED,
    "runnable": {name: row[0] for name, row in RUNNABLE.items()},
    "runnable, nested": NESTED_RUNNABLE,
}


def wanted() -> dict[str, dict[str, Graph]]:
    """The ways to run, by dialect or part of one."""
    if os.environ.get("TRANSLATOR_PROPERTY_EXAMPLES"):
        return WAYS
    few: dict[str, dict[str, Graph]] = {}
    for part, ways in WAYS.items():
        few.setdefault(part.partition(",")[0], {}).update({name: ways[name] for name in FEW if name in ways})
    return few


@pytest.mark.property
@pytest.mark.parametrize("part", wanted())
def test_as_predicted(embedded: Embedded, part: str) -> None:
    made = case(graph({"all": dict(wanted()[part])}), part.partition(",")[0], **GIVEN)
    document = embedded.run(made.pipeline)
    assert differences(made, document) == []
