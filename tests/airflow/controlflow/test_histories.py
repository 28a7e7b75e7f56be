"""What people do to runs of control-flow graphs, on a real Airflow; see ``tests.airflow.controlflow.histories``.

``make histories N=50`` runs many.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.airflow.controlflow.histories import C, E, History, deploy
from tests.controlflow.histories import SHAPES, Plan

if TYPE_CHECKING:
    from tests.airflow.scheduler import Airflow

MANY = int(os.environ.get("TRANSLATOR_HISTORIES", "0"))
SEED = int(os.environ.get("TRANSLATOR_HISTORIES_SEED", "0"))


@pytest.fixture
def history(scheduler: Airflow) -> type[History]:
    deploy(scheduler)
    History.scheduler = scheduler
    return History


def test_what_was_made_of_a_run_that_is_cleared_marked_and_deleted(history: type[History]) -> None:
    """A history of a handled failure: an item and a fan-in are marked after the run's end, and a list shrinks."""
    history.shape = SHAPES["maps"]
    run = history()
    run.trigger(Plan((1, 2), failing=frozenset({"work-1", "note-2"})))
    run.mark("many.1.note", C)
    run.mark("many", E)
    run.mark_run("failed")
    run.clear_all(Plan((3,), "tails"))


@pytest.mark.skipif(not MANY, reason="make histories N=...")
@pytest.mark.parametrize("shape", SHAPES)
def test_histories(history: type[History], shape: str) -> None:
    history.shape = SHAPES[shape]
    run_state_machine_as_test(
        seed(SEED)(history),
        settings=settings(
            max_examples=MANY,
            stateful_step_count=7,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
    print(f"{len(history.log)} things were done:", *history.log, sep="\n")
