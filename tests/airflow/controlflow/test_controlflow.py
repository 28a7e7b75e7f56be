"""Run the goldens of control-flow graphs with ``dag.test()``, and check that they end as their files say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.controlflow.deep import DEEP, TOLD, nested
from tests.controlflow.run import recorded
from translator.load import load, load_text

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


def test_parameters_that_are_nested_too_deep(embedded: Embedded) -> None:
    """Nothing runs with them, not even what follows a failure, and each node says why."""
    document = embedded.run(load_text(DEEP, "deep.yaml").choose(), {"xs": nested(150)})
    assert {name: node["state"] for name, node in document["nodes"].items()} == dict.fromkeys(("each", "one"), "error")
    reasons = {document["nodes"]["each"]["reason"], document["nodes"]["one"]["executions"][0]["reason"]}
    assert {reason.removeprefix("deep.yaml:14: ") for reason in reasons} == {TOLD}
    assert (document["state"], document["status"]) == ("error", 1)
