"""Follow histories of flows that run a pipeline several times.

CI follows one; ``make histories N=... SEED=...`` draws others.
"""

from __future__ import annotations

from random import Random

import pytest

pytest.importorskip("prefect")

from tests.histories import MANY, follow_all
from tests.prefect.dataflow.histories import ATTEMPTS, ENDS
from tests.prefect.matrix.histories import MatrixHistory, Plan


def test_a_history(worker):
    """Whatever is done to the calling flow run stops the run that it has called, and no others start."""
    history = worker(MatrixHistory, "")
    for plan in (
        Plan(frozenset({"train-1"}), "suspend", "train-2"),
        Plan(ends_by="kill", hold="prepare-3"),
        Plan(),
    ):
        history.attempt(plan)


def plan_of(history: MatrixHistory, chance: Random) -> Plan:
    """Draw what fails in an attempt, and how it ends."""
    failures = history.matrix.draw_failures(chance)
    ends_by = chance.choice(ENDS)
    may_hold = [name for name in history.begins(failures) if name not in failures]
    if ends_by == "itself" or not may_hold:
        return Plan(failures)
    return Plan(failures, ends_by, chance.choice(may_hold))


@pytest.mark.skipif(not MANY, reason="make histories N=...")
def test_random_histories(worker):
    def follow(chance):
        history = worker(MatrixHistory, "")
        for _ in range(ATTEMPTS):
            history.attempt(plan_of(history, chance))

    follow_all("matrix", follow)
