"""Run maps in maps on real Airflow, by ``dag.test()``, and compare with the prediction.

Every other way through control-flow graphs is run on both engines in ``tests.parity``. All ways of a dialect are
branches of one parallel node, because Airflow takes far longer to begin a run than to continue one. A few
are always run; all of them if ``TRANSLATOR_PROPERTY_EXAMPLES`` is set, as ``make property`` does.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.controlflow.build import case, graph
from tests.controlflow.nested import NESTED, NESTED_RUNNABLE
from tests.controlflow.run import differences
from tests.controlflow.table import GIVEN

if TYPE_CHECKING:
    from tests.airflow.conftest import Embedded
    from tests.controlflow.build import Graph

WAYS: dict[str, dict[str, Graph]] = {"magnus": NESTED, "runnable": NESTED_RUNNABLE}
FEW = (
    "map in a map, not reached by each item",
    "map in a map, or another",
    "map of no list in a map",
    "map in a parallel in a map, reached by some items",
    "no such case in a map",
    "map in a loop in a map",
)


@pytest.mark.property
@pytest.mark.parametrize("dialect", WAYS)
def test_as_predicted(embedded: Embedded, dialect: str) -> None:
    everything = os.environ.get("TRANSLATOR_PROPERTY_EXAMPLES")
    ways = {name: made for name, made in WAYS[dialect].items() if everything or name in FEW}
    made = case(graph({"all": ways}), dialect, **GIVEN)
    document = embedded.run(made.pipeline)
    assert differences(made, document) == []
