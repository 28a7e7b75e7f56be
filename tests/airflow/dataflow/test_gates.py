"""Run gates, optional nodes, groups and loops over files with ``dag.test()``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.gated import differences, edge, loop, node, nodes_of, pipeline, together

if TYPE_CHECKING:
    from tests.airflow.conftest import Embedded


@pytest.fixture(scope="module")
def document(embedded: Embedded) -> dict[str, Any]:
    """Return the record of a run of all cases."""
    return embedded.run(*together())


def test_states(document: dict[str, Any]) -> None:
    assert differences(document) == {}
    assert document["state"] == "error"


@pytest.mark.parametrize(("how", "last"), [("in order", "skipped"), ("parallel", "complete")])
def test_executions_after_one_that_fails(document: dict[str, Any], how: str, last: str) -> None:
    nodes = nodes_of(f"loop, {how}, 'a!b'", document)
    assert [one["state"] for one in nodes["l"]["executions"]] == ["complete", "error", last]


def test_mapped_instances_run_in_order_however_airflow_stores_them(embedded: Embedded) -> None:
    many = 'cd "$VH_OUTPUTS_DIR"; mkdir frames; for n in 0 1 2 3 4 5 6 7 8; do echo $n > frames/$n; done'
    made = loop("l", "test {parameter-value:item} != frames/4", "frames")
    document = embedded.run(pipeline([node("a", many), made], [edge("a", "l", "loop.over")]))
    states = [one["state"] for one in document["nodes"]["l"]["executions"]]
    assert states == ["complete"] * 4 + ["error"] + ["skipped"] * 4
