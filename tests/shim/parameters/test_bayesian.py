"""Test that a Bayesian search chooses points that follow from its seed and its results only."""

import math
import sys

import pytest

from translator.shim.contract import Distribution, Objective, Parameter, Search, Step, Trial
from translator.shim.parameters.bayesian import fits
from translator.shim.parameters.grid import GridError, points

pytest.importorskip("optuna")
STEP = Step(
    name="s",
    parameters=[
        Parameter(name="lr", type="float", maximum=10),
        Parameter(name="n", type="integer"),
        Parameter(name="kind"),
        Parameter(name="sizes", type="integer", multiple="repeat"),
    ],
)
SPACE = {"lr": Distribution(0.001, 10, "loguniform"), "n": Distribution(1.5, 9, integers=True)}
AXES = {"kind": ["x", "y"], "sizes": [[1, 2], [3]]}


def search(count=40, batch=5, seed="P/a", target=2.0):
    return Search(count, seed, SPACE, Objective("goal", target, batch))


def metric(point):
    return 2 + abs(math.log(point["lr"])) + (point["kind"] == "x")


def run(aim, judge=metric, axes=None):
    """Return the batches of a search whose executions print what ``judge`` says, None if they fail."""
    batches, trials = [], []
    while batch := points(STEP, axes or AXES, search=aim, trials=trials):
        batches.append(batch)
        trials += [Trial(point, judge(point)) for point in batch]
    return batches


def test_all_executions_are_in_batches_and_within_the_space():
    batches = run(search(23))
    assert [len(batch) for batch in batches] == [5, 5, 5, 5, 3]
    for point in (point for batch in batches for point in batch):
        assert fits(search(), AXES, point)
        assert list(point) == ["lr", "n", "kind", "sizes"]
        assert isinstance(point["n"], int) and 2 <= point["n"] <= 9
        assert point["sizes"] in ([1, 2], [3])


def test_the_same_results_give_the_same_points_and_others_give_others():
    batches = run(search())
    assert run(search()) == batches
    assert run(search(seed="P/b")) != batches
    other = run(search(), lambda point: 2 + point["n"])
    assert other[:4] == batches[:4]  # random
    assert other[5:] != batches[5:]


def test_it_comes_closer_to_the_target_than_at_random():
    def best(batches):
        return sum(sorted(metric(point) - 2 for batch in batches for point in batch)[:10])

    assert best(run(search(60))) < best(run(search(60), lambda _: None)) / 2


def test_a_target_from_both_sides():
    batches = run(search(80, target=5.0), lambda point: point["n"], {"kind": ["x"], "sizes": [[1]]})
    late = [point["n"] for batch in batches[8:] for point in batch]
    assert sum(abs(n - 5) <= 1 for n in late) > len(late) / 2


@pytest.mark.parametrize("result", [None, "high", True, float("nan"), float("inf"), [1], {}])
def test_an_execution_without_a_number_is_a_failed_trial(result):
    assert run(search(30), lambda _: result) == run(search(30), lambda _: None)


def test_failed_executions_do_not_hide_the_others():
    batches = run(search(60), lambda point: None if point["kind"] == "y" else metric(point))
    assert len({point["lr"] for batch in batches for point in batch}) == 60


def test_results_outside_the_space_are_ignored():
    outside = [Trial({"lr": 99.0, "n": 3, "kind": "x", "sizes": [3]}, 1.0)] * 25
    without = [Trial({"lr": 9.0}, None)] * 25
    assert points(STEP, AXES, search=search(), trials=outside) == points(STEP, AXES, search=search(), trials=without)


def test_a_search_without_anything_to_choose_repeats_its_point():
    aim = Search(3, "P/a", {}, Objective("goal", 1.0, 2))
    assert points(STEP, {}, search=aim, trials=[]) == [{}, {}]


def test_a_search_without_results_has_no_grid():
    with pytest.raises(GridError, match="batch by batch"):
        points(STEP, AXES, search=search())


@pytest.mark.parametrize(
    ("values", "right"),
    [
        ({}, True),
        ({"lr": 11.0}, False),
        ({"n": 1}, False),
        ({"n": 2.5}, False),
        ({"kind": "z"}, False),
        ({"n": True}, False),
    ],
)
def test_values_fit_a_search(values, right):
    point = {"lr": 1.0, "n": 3, "kind": "x", "sizes": [3]} | values
    assert fits(search(), AXES, point) is right


def test_without_optuna_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(GridError, match=r"pipeline-translator\[tuning\]"):
        points(STEP, AXES, search=search(), trials=[])
