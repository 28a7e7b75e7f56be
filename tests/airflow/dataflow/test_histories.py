"""Test sequences of what people do to runs on a real Airflow (``tests.airflow.dataflow.histories``).

``make histories N=50`` runs many histories.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.airflow.dataflow import search_histories
from tests.airflow.dataflow.histories import History, deploy
from tests.airflow.dataflow.search_histories import SearchHistory, StoppingHistory
from tests.histories import AT_ONCE, MANY, follow_all

if TYPE_CHECKING:
    from random import Random

    from tests.airflow.scheduler import Airflow


FEW = settings(
    max_examples=2,
    stateful_step_count=2,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


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
    run.clear_node("collect", downstream=False, values=[3], failing=frozenset())
    run.delete([1, 2], frozenset({"list", "many-1", "lenient-1", "gather"}), reuse=True)
    run.clear_failed(frozenset())


def test_histories(history: type[History]) -> None:
    """Bounded and the same each time, but with ``make histories``."""
    if MANY:
        follow_drawn("dataflow", history)
    else:
        run_state_machine_as_test(history, settings=FEW)
    print(f"{len(history.log)} things were done:", *history.log, sep="\n")


@pytest.mark.skipif(not MANY, reason="make histories N=...")
@pytest.mark.parametrize("kind", [SearchHistory, StoppingHistory])
def test_histories_of_searches(scheduler: Airflow, kind: type[History]) -> None:
    pytest.importorskip("optuna")
    search_histories.deploy(scheduler)
    History.scheduler = scheduler
    follow_drawn(kind.dag, kind)


def follow_drawn(name: str, kind: type[History]) -> None:
    """Follow as many histories of a kind as ``make histories`` asks for."""

    def follow(chance: Random) -> None:
        # Not one by one: hypothesis begins with the simplest history, which is always the same and does not count.
        share = settings(FEW, max_examples=1 + -(-MANY // AT_ONCE), stateful_step_count=7, derandomize=False)
        run_state_machine_as_test(seed(chance.getrandbits(64))(type("Drawn", (kind,), {})), settings=share)

    follow_all(name, follow, AT_ONCE)
