"""Check that a second attempt ends correctly, whatever ended the previous attempt.

CI follows a few histories; ``make histories N=... SEED=...`` draws others.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random

import pytest

pytest.importorskip("prefect")

from tests.histories import MANY, follow_all
from tests.prefect.dataflow.histories import ANEW, ATTEMPTS, ENDS, History, Plan
from tests.prefect.dataflow.search_histories import SearchHistory
from tests.searches import BATCHED, COUNTS, DRAWN, GROUP, SCORES

ANOTHER = 0.3
"""How likely another flow run follows with another place in the store."""
REUSE = 0.8
"""How likely such a flow run reuses results."""
CUT = 0.4
"""How likely an attempt with searches is ended from outside; else it keeps more of the one before."""
SAME = 0.6
"""How likely an attempt has the grid of the one before, so that it keeps what is complete."""


@pytest.fixture(scope="module")
def histories(worker):
    """Make a history of a name, on a worker that runs for all of them."""
    return lambda on_error: worker(History, on_error)


@pytest.mark.parametrize(
    ("on_error", "plans"),
    [
        (
            "continue",
            [
                Plan(values=(1, 2, 3), failures=frozenset({"train-2", "side-1"})),
                Plan(values=(1, 2, 3)),  # keeps what was complete
                Plan(values=(1, 2, 3), failures=frozenset({"train-2"}), reuses=True),
                Plan(values=(7, 8), ends_by="suspend", hold="train-8"),
                Plan(values=(8,), failures=frozenset({"make-1"})),
            ],
        ),
        (
            "stop-all",
            [
                Plan(ends_by="kill", hold="collect-1"),
                Plan(values=(3,), ends_by="cancel", hold="make-1"),
                Plan(values=(4, 5)),
            ],
        ),
    ],
)
def test_a_history(histories, on_error, plans):
    history = histories(on_error)
    for plan in plans:
        if plan.reuses:
            history.start_another(reuse=True)
        history.attempt(plan)


def values_of(chance: Random, before: tuple[int, ...]) -> tuple[int, ...]:
    """Draw the values of an attempt, often those of the last."""
    values = tuple(chance.sample([1, 2, 3, 4], chance.randint(1, 3)))
    return before if before and chance.random() < SAME else values


def follow_attempts(history: History, chance: Random, draw: Callable[[Random, tuple[int, ...]], Plan]) -> None:
    """Follow a history attempt by attempt, as ``draw`` plans them with the values of the last."""
    values: tuple[int, ...] = ()
    for _ in range(ATTEMPTS):
        if history.state == "ended" and chance.random() < ANOTHER:
            history.start_another(reuse=chance.random() < REUSE)
        elif history.state == "ended" and chance.random() < ANEW:
            history.start_anew()
        plan = draw(chance, values)
        values = plan.values
        history.attempt(plan)


def plan_of(chance: Random, before: tuple[int, ...]) -> Plan:
    """Draw how an attempt ends, each way as likely as any other, and what it does; often with the grid of the last."""
    values = values_of(chance, before)
    executions = ["make-1", "collect-1", "side-1", "after-1", *(f"train-{n}" for n in values)]
    ends_by = chance.choice(ENDS)
    if ends_by == "itself":
        return Plan(values, frozenset(chance.sample(executions, chance.randint(0, 3))))
    return Plan(values, ends_by=ends_by, hold=chance.choice(executions))


@pytest.mark.skipif(not MANY, reason="make histories N=...")
def test_random_histories(histories):
    def follow(chance):
        history = histories(chance.choice(["stop-all", "stop-next", "continue"]))
        follow_attempts(history, chance, plan_of)

    follow_all("dataflow", follow)


@pytest.mark.skipif(not MANY, reason="make histories N=...")
def test_random_histories_of_searches(worker):
    def follow(chance):
        rule = chance.choice(["stop-all", "stop-next", "continue"])
        history = worker(SearchHistory, rule + chance.choice(["", " stops"]))
        follow_attempts(history, chance, partial(plan_of_search, history))

    follow_all("searches", follow)


def plan_of_search(history: SearchHistory, chance: Random, before: tuple[int, ...]) -> Plan:
    """Draw how an attempt with searches ends, and what it does; often with the values of the last."""
    values = values_of(chance, before)
    if chance.random() < CUT:
        ends_by = chance.choice([one for one in ENDS if one != "itself"])
        return Plan(values, ends_by=ends_by, hold=chance.choice(history.holds(Plan(values))))
    of_searches = [f"{name}-{score}" for name in (BATCHED, DRAWN) for score in range(SCORES)]
    of_group = [f"{GROUP}-{rank}" for rank in range(COUNTS[GROUP])]
    fates = ["make-0", "pick-0", "after-0", *of_searches, *of_group, *of_group]
    return Plan(values, frozenset(chance.sample(fates, chance.randint(0, 3))))
