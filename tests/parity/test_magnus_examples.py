"""Run the Magnus examples on both engines, and those with stubs in Magnus itself: the same states, the same bytes."""

from __future__ import annotations

import csv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.oracle import engines as source
from tests.parity.engines import run_pipeline
from translator.history.comparison import differences
from translator.history.records import nodes
from translator.load import load

FOLDER = Path(__file__).parents[2] / "examples" / "magnus"
STEPS = [
    "Get Features",
    "Train Models.XGBoost.Prepare for XGBoost",
    "Train Models.XGBoost.Train XGBoost",
    "Train Models.RF model.Train RF Model",
    "Ensemble Modelling",
    "Run Inference",
]
GRAPHS = ["Train Models", "Train Models.XGBoost", "Train Models.RF model"]


@pytest.mark.parametrize("example", ["training", "stubs"])
def test_an_example_is_the_same_on_both_engines(example, engines, tmp_path):
    pipeline = load(FOLDER / f"{example}.yaml").choose()

    def run(engine):
        _, document, status, folder = run_pipeline(engine, pipeline, FOLDER, tmp_path / engine.name, {})
        assert (status, document["state"]) == (0, "complete"), engine.tail()
        return {**document, "pipeline": ""}, folder

    with ThreadPoolExecutor() as lanes:
        (left, folder), (right, _) = lanes.map(run, engines)
    assert differences(left, right) == []
    assert [".".join(path) for path, node in nodes(left) if node["kind"] == "execution"] == STEPS
    if example == "training":
        (predictions,) = folder.rglob("predictions.csv")
        with predictions.open() as file:
            assert len([int(value) for (value,) in csv.reader(file)]) == 114
        assert [file["path"] for file in left["catalog"]] == [
            "boosting.npy", "boosting.pkl", "ensemble.json", "features.npz", "forest.npy", "forest.pkl",
            "predictions.csv", "scaled.npz",
        ]  # fmt: skip


def test_the_stubs_run_in_magnus(tmp_path):
    (tmp_path / "stubs.yaml").write_text((FOLDER / "stubs.yaml").read_text())
    with source.started("magnus", tmp_path) as engine:
        log = engine.run(tmp_path / "stubs.yaml")
    assert log.status == "SUCCESS"
    assert log.steps == dict.fromkeys((*STEPS, *GRAPHS), "SUCCESS")


def test_both_are_the_same_graph():
    training, stubs = (load(FOLDER / f"{name}.yaml").choose().graph for name in ("training", "stubs"))

    def shape(graph):
        branches = {node.name: getattr(node, "branches", {}) for node in graph.nodes}
        return [
            (node.name, node.policy.routes, {name: shape(one) for name, one in branches[node.name].items()})
            for node in graph.nodes
        ]

    assert shape(training) == shape(stubs)
