"""Check that a second attempt of a control-flow graph ends correctly, whatever ended the previous attempt.

CI follows one history; ``make histories N=... SEED=...`` draws others.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

pytest.importorskip("prefect")

from tests.controlflow.histories import SHAPES, drawn
from tests.controlflow.histories import Plan as Steps
from tests.histories import MANY, follow_all
from tests.prefect.controlflow.histories import History, Plan
from tests.prefect.dataflow.histories import ANEW, ATTEMPTS, ENDS


@pytest.fixture(scope="module")
def histories(worker):
    """Make a history of a shape, on a worker that runs for all of them."""
    return lambda shape: worker(History, shape)


def test_a_history(histories):
    history = histories("maps")
    for plan in (
        Plan(Steps((1, 2), failing=frozenset({"work-1", "note-2"}))),
        Plan(Steps((2, 3), "tails"), ends_by="kill", hold="many.1.note"),
        Plan(Steps((3,), "tails", failing=frozenset({"tail"}))),
    ):
        history.attempt(plan)


def plan_of(chance: Random, shape: str) -> Plan:
    """Draw how an attempt ends, each way as likely as any other, and what it does."""
    steps = drawn(chance, SHAPES[shape])
    ends_by = chance.choice(ENDS)
    if ends_by == "itself":
        return Plan(steps)
    plan = Plan(replace(steps, failing=frozenset()), ends_by)
    _, visits = plan.run(shape, 0, None)
    return replace(plan, hold=chance.choice(sorted(visits)))


@pytest.mark.skipif(not MANY, reason="make histories N=...")
@pytest.mark.parametrize("shape", SHAPES)
def test_random_histories(histories, shape):
    def follow(chance):
        history = histories(shape)
        for _ in range(ATTEMPTS):
            if history.state == "ended" and chance.random() < ANEW:
                history.start_anew()
            history.attempt(plan_of(chance, shape))

    follow_all(shape, follow)
