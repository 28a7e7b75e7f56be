"""Test sequences of what people do to runs on a real Airflow (``tests.airflow.histories``).

``make histories N=50`` runs many histories.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.airflow.histories import History, deploy
from tests.histories import MANY, SEED

if TYPE_CHECKING:
    from tests.airflow.scheduler import Airflow


@pytest.fixture
def history(scheduler: Airflow) -> type[History]:
    deploy(scheduler)
    History.scheduler = scheduler
    return History


def test_what_was_made_of_a_run_that_is_cleared_marked_and_deleted(history: type[History]) -> None:
    """A history that has what went wrong: a grid that shrinks, marks, and an id that comes again."""
    run = history()
    run.trigger([1, 2, 3], frozenset({"many-2"}))
    run.do_mark("many", 1)
    run.clear_all([3], frozenset())
    run.do_mark_failed_alone("many", 0)
    run.mark_run("failed")
    run.delete([1, 2], frozenset({"list"}))


def test_histories(history: type[History]) -> None:
    """Bounded and the same each time, but with ``make histories``."""
    machine = seed(SEED)(history) if MANY else history
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=MANY or 2,
            stateful_step_count=7 if MANY else 3,
            deadline=None,
            database=None,
            derandomize=not MANY,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
    print(f"{len(history.log)} things were done:", *history.log, sep="\n")
