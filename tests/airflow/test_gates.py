"""Gates, optional nodes, groups and loops over files on real Airflow, by ``dag.test()``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.gated import CASES, edge, loop, node, pipeline

if TYPE_CHECKING:
    from tests.airflow.conftest import Embedded


@pytest.mark.parametrize("case", CASES)
def test_states(embedded: Embedded, case: str) -> None:
    pipeline, values, expected = CASES[case]
    document = embedded.run(pipeline, dict(values))
    states = [node["state"] for node in document["nodes"].values()]
    assert "".join(state[0] for state in (*states, document["state"])) == expected, document


def test_in_order_until_one_fails(embedded: Embedded) -> None:
    document = embedded.run(CASES["loop, in order, 'a!b'"][0])
    assert [one["state"] for one in document["nodes"]["l"]["executions"]] == ["complete", "error", "skipped"]


def test_in_order_however_airflow_keeps_them(embedded: Embedded) -> None:
    many = 'cd "$VH_OUTPUTS_DIR"; mkdir frames; for n in 0 1 2 3 4 5 6 7 8; do echo $n > frames/$n; done'
    made = loop("l", "test {parameter-value:item} != frames/4", "frames")
    document = embedded.run(pipeline([node("a", many), made], [edge("a", "l", "loop.over")]))
    states = [one["state"] for one in document["nodes"]["l"]["executions"]]
    assert states == ["complete"] * 4 + ["error"] + ["skipped"] * 4


def test_all_side_by_side(embedded: Embedded) -> None:
    document = embedded.run(CASES["loop, parallel, 'a!b'"][0])
    assert [one["state"] for one in document["nodes"]["l"]["executions"]] == ["complete", "error", "complete"]
