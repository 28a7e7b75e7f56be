"""Routed graphs on real Airflow, by ``dag.test()``: the goldens' pipelines end as their files say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from translator.load import load

if TYPE_CHECKING:
    from tests.airflow.conftest import Embedded

CASES = Path(__file__).parents[2] / "goldens" / "cases"


def states(nodes: dict[str, Any], above: str = "") -> dict[str, str]:
    """The state of each node, by its path."""
    found = {}
    for name, node in nodes.items():
        found[f"{above}{name}"] = node["state"]
        for branch, graph in node.get("branches", {}).items():
            found |= states(graph["nodes"], f"{above}{name}.{branch}.")
    return found


ERRORS = {
    "magnus/plain": {"Train Models.XGBoost.Prepare", "Train Models"},
    "magnus/routes": {"Step 1"},
    "magnus/items": {"Chunks", "Chunks.1.work", "Chunks.2.Two", "Chunks.2.Two.B.b1", "Odd"},
    "runnable/turns": {"Pick again"},
    "magnus/nested": {"per shop.0.per day", "per shop.0.per day.1.fetch"},
}


@pytest.mark.parametrize("case", ERRORS)
def test_states(embedded: Embedded, case: str) -> None:
    document = embedded.run(load(CASES / f"{case}.yaml").choose())
    found = states(document["nodes"])
    assert {path for path, state in found.items() if state == "error"} == ERRORS[case]
    assert "stopped" not in found.values()
    if case == "runnable/turns":
        assert list(document["nodes"]["Improve"]["branches"]) == ["0", "1", "2"], "its limit is 4"
        assert document["parameters"] == {"side": "heads", "count": 3, "good": True}
    assert document["state"] == ("error" if case == "magnus/plain" else "complete")
