"""Test that a search draws the values that the documentation promises, whatever else it draws."""

import math
import random

import pytest

from translator.shim.contract import Distribution, Parameter, Search, Step
from translator.shim.parameters.grid import GridError, points
from translator.shim.parameters.search import numbers

STEP = Step(
    name="s",
    parameters=[
        Parameter(name="lr", type="float", maximum=10),
        Parameter(name="n", type="integer"),
        Parameter(name="kind"),
    ],
)


def found(space, count=20, axes=None, seed="P/a"):
    return points(STEP, axes or {}, search=Search(count, seed, space))


def test_the_values_are_those_of_the_documented_generators():
    space = {"lr": Distribution(0.5, 2), "n": Distribution(1, 9, integers=True, seed=3)}
    rows = found(space, axes={"kind": ["x", "y", "z"]})
    lr, n, kind = (random.Random(seed) for seed in ("P/a/lr", "3/n", "P/a/kind"))  # noqa: S311
    expected = [
        {"lr": lr.uniform(0.5, 2), "n": n.randint(1, 9), "kind": kind.choice(["x", "y", "z"])} for _ in range(20)
    ]
    assert rows == expected


def test_more_executions_and_more_parameters_keep_the_values():
    space = {"lr": Distribution(0.5, 2)}
    rows = found(space, 30)
    assert rows[:20] == found(space, 20)
    more = found(space | {"n": Distribution(1, 9, integers=True)}, 30)
    assert [row["lr"] for row in more] == [row["lr"] for row in rows]
    assert found(space, seed="P/b") != found(space)


@pytest.mark.parametrize(
    "distribution",
    [
        Distribution(0.001, 10, "loguniform"),
        Distribution(2, 7, "loguniform", integers=True),
        Distribution(1.2, 4.8, "loguniform", integers=True),
        Distribution(-3.5, 2.5, integers=True),
        Distribution(4, 4),
        Distribution(4, 4, "loguniform"),
    ],
)
def test_numbers_are_within_their_bounds(distribution):
    drawn = numbers(distribution, "x", "seed", 500)
    assert all(distribution.minimum <= number <= distribution.maximum for number in drawn)
    if distribution.integers:
        assert set(drawn) == set(range(math.ceil(distribution.minimum), math.floor(distribution.maximum) + 1))


def test_logarithms_of_loguniform_numbers_are_uniform():
    drawn = numbers(Distribution(0.001, 1000, "loguniform"), "x", "seed", 3000)
    thirds = [sum(10**low <= number < 10 ** (low + 2) for number in drawn) for low in (-3, -1, 1)]
    assert all(900 < count < 1100 for count in thirds)


def test_values_of_a_run_replace_a_distribution():
    rows = found({"lr": Distribution(0.5, 2)}, 4, {"lr": 3})
    assert [row["lr"] for row in rows] == [3, 3, 3, 3]


@pytest.mark.parametrize(
    ("space", "axes", "message"),
    [
        ({"lr": Distribution(11, 12)}, {}, "'lr'"),
        ({"lrr": Distribution(1, 2)}, {}, "no parameter 'lrr'"),
        ({"lr": Distribution(1, 2)}, {"kind": []}, "'kind' has no values"),
        ({"n": Distribution(1.5, 1.6)}, {}, "'n'"),
    ],
)
def test_a_search_that_cannot_be_drawn_fails(space, axes, message):
    with pytest.raises(GridError, match=message) as error:
        found(space, axes=axes)
    assert len(str(error.value).splitlines()) <= 20
