"""The goldens of control-flow graphs on real Airflow, by ``dag.test()``: they end as their files say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.controlflow.run import recorded
from translator.load import load

if TYPE_CHECKING:
    from tests.airflow.conftest import Embedded

CASES = Path(__file__).parents[2] / "goldens" / "cases"
ERRORS = {
    "magnus/items": {"Chunks", "Chunks.1.work", "Chunks.2.Two", "Chunks.2.Two.B.b1", "Odd"},
    "magnus/nested": {"per shop.0.per day", "per shop.0.per day.1.fetch"},
    "runnable/turns": {"Pick again"},
}


@pytest.mark.parametrize("case", ERRORS)
def test_states(embedded: Embedded, case: str) -> None:
    document = embedded.run(load(CASES / f"{case}.yaml").choose(), {"nobody declares": [1, "x"]})
    states = [(path, *state.split()) for path, state in recorded(document["nodes"]).items() if " " in state]
    assert {path for path, _, state in states if state == "error"} == ERRORS[case]
    assert document["state"] == "complete"
    assert document["parameters"].pop("nobody declares") == [1, "x"]
    if case == "runnable/turns":
        assert list(document["nodes"]["Improve"]["branches"]) == ["0", "1", "2"], "its limit is 4"
        assert document["parameters"] == {"side": "heads", "count": 3, "good": True}
