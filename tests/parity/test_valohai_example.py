"""Run the Valohai example on both engines, with values of a user; ``tests/examples`` runs it by ``translate run``."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.parity.engines import run_pipeline
from translator.history.comparison import differences
from translator.load import load

FILE = Path(__file__).parents[2] / "examples" / "valohai" / "valohai.yaml"


@pytest.fixture
def run(engines, tmp_path):
    """Run a pipeline of the example on both engines; return the record, the same except for times, and the status."""

    def run(name, values):
        pipeline = load(FILE).choose(name)

        def record(engine):
            _, document, status, _ = run_pipeline(engine, pipeline, FILE.parent, tmp_path / engine.name, values)
            return {**document, "pipeline": ""}, status

        with ThreadPoolExecutor() as lanes:
            (left, status), (right, other) = lanes.map(record, engines)
        assert differences(left, right) == []
        assert status == other
        return left, status

    return run


def test_the_dual_pipeline_keeps_its_branches_apart(run):
    document, status = run("Dual Training Pipeline", {"min_accuracy": 0.95})
    assert (status, document["state"]) == (1, "error")
    assert {name: node["state"] for name, node in document["nodes"].items()} == {
        "preprocess": "complete",
        "train_conservative": "error",
        "evaluate_conservative": "skipped",
        "train_experimental": "complete",
        "evaluate_experimental": "complete",
    }
    for node in ("train_conservative", "train_experimental"):
        executions = document["nodes"][node]["executions"]
        assert [execution["state"] for execution in executions] == ["complete", "error"]
        assert "1" in executions[1]["reason"]
    assert document["nodes"]["evaluate_experimental"]["executions"][0]["metadata"]["candidates"] == 1
