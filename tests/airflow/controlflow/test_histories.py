"""Test what people do to runs of control-flow graphs on a real Airflow (``tests.airflow.controlflow.histories``).

``make histories N=50`` runs many histories.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.airflow.controlflow.histories import C, E, History, deploy
from tests.controlflow.histories import SHAPES, Plan
from tests.histories import MANY, follow_all

if TYPE_CHECKING:
    from random import Random

    from tests.airflow.scheduler import Airflow

THINGS = 7
"""How many things are done to each run."""


@pytest.fixture
def history(scheduler: Airflow) -> type[History]:
    deploy(scheduler)
    History.scheduler = scheduler
    return History


def test_what_was_made_of_a_run_that_is_cleared_marked_and_deleted(history: type[History]) -> None:
    """A history of a handled failure: the run, an item and a fan-in are marked after its end, and a list shrinks.

    What is marked as a success has Airflow run the fan-in again, and decide the run's state once more.
    """
    history.shape = SHAPES["maps"]
    run = history()
    run.trigger(Plan((1, 2), failing=frozenset({"work-1", "note-2"})))
    run.mark_run("failed")
    run.mark("many.1.note", C)
    run.mark("many", E)
    run.clear_all(Plan((3,), "tails"))


@pytest.mark.skipif(not MANY, reason="make histories N=...")
@pytest.mark.parametrize("shape", SHAPES)
def test_histories(history: type[History], shape: str) -> None:
    history.shape = SHAPES[shape]

    def follow(chance: Random) -> None:
        run = history()
        run.begin(chance)
        for _ in range(THINGS):
            run.go_on(chance)

    follow_all(shape, follow)
    print(f"{len(history.log)} things were done:", *history.log, sep="\n")
