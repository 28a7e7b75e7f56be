"""A second attempt is as right as the first, whatever ended the one before.

CI follows a few histories; ``make histories N=... SEED=...`` draws as many as it is told.
"""

from __future__ import annotations

import os

import pytest

pytest.importorskip("prefect")

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from tests.prefect.histories import History, Plan

EXAMPLES = int(os.environ.get("TRANSLATOR_HISTORIES", "0"))
SEED = int(os.environ.get("TRANSLATOR_HISTORIES_SEED", "0"))


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
                Plan(values=(7,)),
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
        history.attempt(plan)


VALUES = st.lists(st.integers(1, 4), min_size=1, max_size=3, unique=True).map(tuple)


@st.composite
def held(draw: st.DrawFn, ends_by: str) -> Plan:
    """A plan of an attempt that is ended from outside."""
    values = draw(VALUES)
    hold = draw(st.sampled_from(["make-1", "collect-1", "side-1", "after-1", *(f"train-{n}" for n in values)]))
    return Plan(values, ends_by=ends_by, hold=hold)


@st.composite
def whole(draw: st.DrawFn) -> Plan:
    """A plan of an attempt that comes to its own end."""
    values = draw(VALUES)
    executions = ["make-1", "collect-1", "side-1", "after-1", *(f"train-{n}" for n in values)]
    return Plan(values, draw(st.frozensets(st.sampled_from(executions), max_size=3)))


@pytest.mark.skipif(not EXAMPLES, reason="make histories N=...")
def test_random_histories(histories):
    @seed(SEED)
    class Machine(RuleBasedStateMachine):
        @initialize(on_error=st.sampled_from(["stop-all", "stop-next", "continue"]))
        def deploy(self, on_error: str) -> None:
            self.history = histories(on_error)

        @rule(plan=whole())
        def comes_to_its_end(self, plan: Plan) -> None:
            self.history.attempt(plan)

        @rule(plan=held("cancel"))
        def is_cancelled(self, plan: Plan) -> None:
            self.history.attempt(plan)

        @rule(plan=held("suspend"))
        def is_suspended(self, plan: Plan) -> None:
            self.history.attempt(plan)

        @rule(plan=held("kill"))
        def is_killed(self, plan: Plan) -> None:
            self.history.attempt(plan)

        @precondition(lambda self: self.history.state == "ended")
        @rule(plan=whole())
        def starts_anew(self, plan: Plan) -> None:
            """Another flow run with the same place in the store."""
            self.history.state, self.history.attempts = "new", 0
            self.history.attempt(plan)

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=5,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
