"""Test the points of a grid, and their labels."""

from __future__ import annotations

import pytest

from translator.shim.contract import Parameter, Step
from translator.shim.parameters.grid import LABEL_LENGTH, GridError, label, labels, points

STEP = Step(
    "s",
    [],
    parameters=[
        Parameter("a", "integer", 1),
        Parameter("b", default="d"),
        Parameter("m", multiple="repeat"),
        Parameter("x", "float", maximum=1),
    ],
)


@pytest.mark.parametrize(
    ("axes", "sets", "expected"),
    [
        ({}, None, [{}]),
        ({"a": [1, 2]}, None, [{"a": 1}, {"a": 2}]),
        ({"a": 5}, None, [{"a": 5}]),
        ({"b": "text"}, None, [{"b": "text"}]),
        ({"b": [None]}, None, [{"b": None}]),
        ({"a": ["1", 1.0]}, None, [{"a": 1}, {"a": 1}]),
        # The order of the step's parameters, the last one fastest, whatever the order of the axes.
        (
            {"x": [0, 1], "a": [1, 2]},
            None,
            [{"a": 1, "x": 0.0}, {"a": 1, "x": 1.0}, {"a": 2, "x": 0.0}, {"a": 2, "x": 1.0}],
        ),
        # A flat list spreads over a multiple parameter, a list in the list is one point.
        ({"m": ["u", "v"]}, None, [{"m": ["u"]}, {"m": ["v"]}]),
        ({"m": [["u", "v"], ["w"]]}, None, [{"m": ["u", "v"]}, {"m": ["w"]}]),
        ({}, [{"a": 5, "b": "x"}, {"a": 6}], [{"a": 5, "b": "x"}, {"a": 6, "b": "d"}]),
        ({}, [{}], [{}]),
        ({"x": [0, 1]}, [{"a": 5}, {"a": 6}], [
            {"a": 5, "x": 0.0}, {"a": 5, "x": 1.0}, {"a": 6, "x": 0.0}, {"a": 6, "x": 1.0},
        ]),
        ({"a": [7]}, [{"a": 5, "b": "x"}, {"a": 6}], [{"a": 7, "b": "x"}, {"a": 7, "b": "d"}]),
    ],
)  # fmt: skip
def test_points(axes, sets, expected) -> None:
    found = points(STEP, axes, sets)
    assert found == expected
    assert [list(point) for point in found] == [list(point) for point in expected]


@pytest.mark.parametrize(
    ("axes", "sets", "message"),
    [
        ({"a": []}, None, "the grid has no points: parameter 'a' has no values"),
        ({}, [], "the grid has no points: its list of parameter sets is empty"),
        ({"a": [1, "x"]}, None, "parameter 'a': x is not an integer"),
        ({"x": [0.5, 2, 3]}, None, "parameter 'x': 2.0 is greater than the maximum allowed (1)\nparameter 'x': 3.0 is"),
        ({"a": [[1, 2]]}, None, "parameter 'a' takes one value, not the list [1, 2]"),
        ({"zz": [1]}, None, "step 's' has no parameter 'zz'"),
        ({}, [{"zz": 1}], "step 's' has no parameter 'zz'"),
    ],
)
def test_bad_grids(axes, sets, message: str) -> None:
    with pytest.raises(GridError) as caught:
        points(STEP, axes, sets)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        ({}, ""),
        ({"lr": 0.1, "batch": 32}, "lr=0.1, batch=32"),
        ({"f": True, "n": None, "m": ["a", 1]}, "f=true, m=[a, 1]"),
        ({"t": "two\nlines  and\ttabs"}, "t=two lines and tabs"),
        ({"t": "x" * 100}, "t=" + "x" * 20 + "…" + "x" * 19),
    ],
)
def test_label(point, expected: str) -> None:
    assert label(point) == expected


def test_a_label_is_short() -> None:
    assert len(label({f"parameter{n}": n for n in range(100)})) == LABEL_LENGTH


LONG = "data/of/the/year/before/last/with/a/long/name/"


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([{"data": LONG, "lr": 0.1}, {"data": LONG, "lr": 0.2}], ["lr=0.1", "lr=0.2"]),
        ([{"a": 1, "b": 1}, {"a": 1, "b": 2}, {"a": 2, "b": 1}], ["a=1, b=1", "a=1, b=2", "a=2, b=1"]),
        ([{"lr": 0.1}], ["0"]),
        ([{}], ["0"]),
        ([{"lr": 1}, {"lr": 1}], ["0", "1"]),
        ([{"lr": 1}, {"lr": 2}, {"lr": 1}], ["lr=1 #0", "lr=2", "lr=1 #2"]),
        ([{"lr": None}, {"lr": 2}], ["0", "lr=2"]),
    ],
)
def test_labels_show_what_differs(rows, expected: list[str]) -> None:
    assert labels(rows) == expected


def test_labels_of_long_values_differ() -> None:
    first, second = labels([{"file": f"{LONG}{name}.csv"} for name in ("a", "b")])
    assert (first[-6:], second[-6:]) == ("/a.csv", "/b.csv")
    assert len(first) < len(LONG)
