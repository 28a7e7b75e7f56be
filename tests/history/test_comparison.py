"""Test which runs are equal, and how differences are shown."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import pytest

from translator.history.comparison import Detail, Difference, Row, details, differences, rows

if TYPE_CHECKING:
    from collections.abc import Iterator

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
                    "log": f"train/{index}/try-1/log.txt",
                    "started": "a",
                    "ended": "b",
                }
                for index, state in enumerate(("complete", "error"))
            ],
        }
    },
}
EXECUTION = ("nodes", "train", "executions", 1)


def changed(*path: object, value: object) -> dict:
    """Return ``RUN`` with another value at a path."""
    document = copy.deepcopy(RUN)
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return document


@pytest.mark.parametrize(
    "path",
    [
        *((key,) for key in ("run", "engine", "started", "ended")),
        *((*EXECUTION, key) for key in ("started", "ended", "log")),
    ],
)
def test_equal_runs_may_differ_in_engine_id_times_and_logs(path: tuple[object, ...]) -> None:
    assert differences(RUN, changed(*path, value="other")) == []


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        (("state",), "error", "state"),
        (("parameters", "lr"), [0.1], "parameters.lr"),
        (("parameters", "started"), "x", "parameters.started"),
        ((*EXECUTION, "state"), "complete", "nodes.train.executions[1].state"),
        ((*EXECUTION, "parameters", "lr"), True, "nodes.train.executions[1].parameters.lr"),
        ((*EXECUTION, "metadata", "log"), "x", "nodes.train.executions[1].metadata.log"),
        ((*EXECUTION, "outputs", 0, "sha256"), "abd", "nodes.train.executions[1].outputs[0].sha256"),
        (("nodes", "other"), {"kind": "execution", "state": "complete", "executions": []}, "nodes.other"),
    ],
)
def test_other_differences_are_found(path: tuple[object, ...], value: object, where: str) -> None:
    [found] = differences(RUN, changed(*path, value=value))
    assert found.where == where
    assert found.right == value or where == "nodes.other"


def test_one_is_not_true() -> None:
    assert differences(changed("parameters", "lr", value=1), changed("parameters", "lr", value=True)) == [
        Difference("parameters.lr", 1, True)
    ]
    assert differences(changed("parameters", "lr", value=1), changed("parameters", "lr", value=1.0)) == []


def test_rows_have_nodes_of_either_run() -> None:
    other = changed(*EXECUTION, "outputs", 0, "sha256", value="abd")
    other["nodes"]["more"] = {"kind": "execution", "state": "skipped", "executions": []}
    assert rows(RUN, other) == [
        Row("train", "task of 2", "complete (1 error)", "complete (1 error)", "1 of 2 DIFFER"),
        Row("more", "execution", "-", "skipped", "-"),
        Row("the run", "", "complete", "complete", ""),
    ]
    assert rows(RUN, RUN)[0].files == "2 equal"


def test_nodes_in_branches_are_rows() -> None:
    train = RUN["nodes"]["train"]
    graph = {"m": {"kind": "map", "state": "error", "branches": {"0": {"state": "error", "nodes": {"train": train}}}}}
    nested = {**RUN, "nodes": graph}
    assert [row.name for row in rows(nested, nested)] == ["m", "  [0] train", "the run"]
    later = copy.deepcopy(nested)
    later["nodes"]["m"]["branches"]["0"]["nodes"]["train"]["executions"][0]["started"] = "c"
    assert differences(nested, later) == []


def test_values_that_differ_are_listed_by_execution() -> None:
    other = changed(*EXECUTION, "metadata", value={"accuracy": 0.8, "loss": 2})
    assert details(RUN, other) == [Detail("train[1]", "accuracy", 0.9, 0.8), Detail("train[1]", "loss", None, 2)]
    assert details(RUN, RUN) == []


GRAPH = {"kind": "map", "state": "error", "reason": "r", "branches": {"0": {"state": "error", "nodes": RUN["nodes"]}}}
NESTED = {**RUN, "marked": "failed", "nodes": {"m": GRAPH}, "catalog": [{"path": "a", "size": 1, "sha256": "b"}]}


def places(document: object, path: tuple = ()) -> Iterator[tuple]:
    """Yield the path of each value that is neither an object nor a list."""
    if isinstance(document, (dict, list)) and document:
        for key in document if isinstance(document, dict) else range(len(document)):
            yield from places(document[key], (*path, key))
    else:
        yield path


@pytest.mark.parametrize("path", [*places(NESTED)], ids=str)
@pytest.mark.parametrize("value", ["other", None])
def test_each_difference_is_shown(path: tuple, value: str | None) -> None:
    other = copy.deepcopy(NESTED)
    place = other
    for key in path[:-1]:
        place = place[key]
    if value is None and path[-2:-1] in {("parameters",), ("metadata",)}:
        del place[path[-1]]
    else:
        place[path[-1]] = value or "other"
    differing = rows(NESTED, NESTED) != rows(NESTED, other) or bool(details(NESTED, other))
    assert differing == bool(differences(NESTED, other))
