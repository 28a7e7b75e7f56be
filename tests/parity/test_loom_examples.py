"""Run the Loom examples on both engines and in Loom itself: the same states and parameters, the same bytes."""

import pytest

from tests.examples.loom_cases import CASES, assert_as_in_loom, file_of
from tests.parity.engines import run_pipeline
from translator.history.comparison import differences
from translator.load import load


@pytest.mark.parametrize("example", CASES)
def test_an_example_runs_as_in_loom(example, engines, tmp_path):
    file = file_of(example)
    pipeline = load(file).choose()
    documents = []
    for engine in engines:
        store, values = tmp_path / engine.name, CASES[example].values
        _, document, status, of_run = run_pipeline(engine, pipeline, file.parent, store, values)
        assert (status, document["state"]) == (0, "complete"), engine.tail()
        assert_as_in_loom(example, document, of_run, tmp_path / f"loom for {engine.name}")
        documents.append({**document, "pipeline": ""})
    assert differences(*documents) == []
