"""Test which runs ``examples/compare.py`` considers equal."""

import copy
import importlib.util
from pathlib import Path

import pytest

FILE = Path(__file__).resolve().parent.parent.parent / "examples" / "compare.py"
spec = importlib.util.spec_from_file_location("compare", FILE)
compare = importlib.util.module_from_spec(spec)
spec.loader.exec_module(compare)

RUN = {
    "pipeline": "P",
    "run": "1",
    "engine": "airflow",
    "state": "complete",
    "started": "a",
    "ended": "b",
    "parameters": {"lr": [0.1, 0.2]},
    "nodes": {
        "train": {
            "kind": "task",
            "state": "complete",
            "executions": [
                {
                    "index": index,
                    "state": state,
                    "tries": 1,
                    "parameters": {"lr": 0.1},
                    "metadata": {"accuracy": 0.9},
                    "outputs": [{"path": f"model{index}", "size": 3, "sha256": "abc"}],
                    "reason": None,
                }
                for index, state in enumerate(("complete", "error"))
            ],
        }
    },
}


def changed(*path: object, value: object) -> dict:
    """Return ``RUN`` with another value at a path."""
    document = copy.deepcopy(RUN)
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return document


@pytest.mark.parametrize("key", ["run", "engine", "started", "ended"])
def test_equal_runs_may_differ_in_engine_id_and_times(key: str) -> None:
    assert compare.differences(RUN, changed(key, value="other")) == []


EXECUTION = ("nodes", "train", "executions", 1)


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        (("state",), "error", "state: 'complete' against 'error'"),
        (("parameters", "lr"), [0.1], "parameters.lr: [0.1, 0.2] against [0.1]"),
        ((*EXECUTION, "tries"), 2, "nodes.train.executions[1].tries: 1 against 2"),
        ((*EXECUTION, "metadata"), {}, "nodes.train.executions[1].metadata.accuracy: 0.9 against None"),
        (
            (*EXECUTION, "outputs", 0, "sha256"),
            "abd",
            "nodes.train.executions[1].outputs[0].sha256: 'abc' against 'abd'",
        ),
    ],
)
def test_nothing_else_may_differ(path: tuple, value: object, line: str) -> None:
    assert compare.differences(RUN, changed(*path, value=value)) == [line]


def test_the_table_counts_executions_with_another_state(capsys: pytest.CaptureFixture[str]) -> None:
    other = changed(*EXECUTION, "outputs", 0, "sha256", value="abd")
    assert not compare.show(RUN, {**other, "engine": "prefect"})
    printed = capsys.readouterr().out
    assert "task of 2" in printed
    assert "complete (1 error)" in printed
    assert "2 DIFFERENT" in printed
