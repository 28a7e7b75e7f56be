"""Follow histories of DAGs that run a pipeline several times; ``make histories N=... SEED=...`` draws them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

pytest.importorskip("airflow.sdk")

from tests.airflow.matrix.histories import MatrixHistory, Plan
from tests.histories import MANY, follow_all
from tests.matrices import SEEDS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from tests.airflow.scheduler import Airflow

ATTEMPTS = 5


def plan_of(history: MatrixHistory, chance: Random, seeds: Sequence[int]) -> Plan:
    """Draw what fails in an attempt, and how one of its executions ends."""
    failures = history.matrix.draw_failures(chance)
    ends_by = chance.choice(["itself", "kill", "cancel"])
    may_hold = [name for name in history.begins(seeds, failures) if name not in failures]
    if ends_by == "itself" or not may_hold:
        return Plan(failures)
    return Plan(failures, ends_by, chance.choice(may_hold))


@pytest.mark.skipif(not MANY, reason="make histories N=...")
def test_histories(scheduler: Airflow) -> None:
    MatrixHistory.scheduler = scheduler

    def follow(chance: Random) -> None:
        history = MatrixHistory()
        history.trigger(plan_of(history, chance, SEEDS))
        for _ in range(ATTEMPTS - 1):
            seeds = chance.sample(SEEDS, chance.randint(1, len(SEEDS)))
            history.clear(seeds, plan_of(history, chance, seeds))

    follow_all("matrix", follow)
