"""A second attempt of a control-flow graph is as right as the first, whatever ended the one before.

CI follows one history; ``make histories N=... SEED=...`` draws as many as it is told.
"""

from __future__ import annotations

import os

import pytest

pytest.importorskip("prefect")

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from tests.controlflow.histories import SHAPES, plans
from tests.controlflow.histories import Plan as Steps
from tests.prefect.controlflow.histories import History, Plan

EXAMPLES = int(os.environ.get("TRANSLATOR_HISTORIES", "0"))
SEED = int(os.environ.get("TRANSLATOR_HISTORIES_SEED", "0"))


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


@st.composite
def held(draw: st.DrawFn, shape: str, ends_by: str) -> Plan:
    """A plan of an attempt that is ended from outside."""
    steps = draw(plans(SHAPES[shape]))
    plan = Plan(Steps(steps.values, steps.side, steps.good), ends_by=ends_by)
    _, visits = plan.run(shape, 0, None)
    return Plan(plan.steps, ends_by, draw(st.sampled_from(sorted(visits))))


@pytest.mark.skipif(not EXAMPLES, reason="make histories N=...")
@pytest.mark.parametrize("shape", SHAPES)
def test_random_histories(histories, shape):
    @seed(SEED)
    class Machine(RuleBasedStateMachine):
        @initialize()
        def deploy(self) -> None:
            self.history = histories(shape)

        @rule(steps=plans(SHAPES[shape]))
        def comes_to_its_end(self, steps: Steps) -> None:
            self.history.attempt(Plan(steps))

        @rule(plan=held(shape, "cancel"))
        def is_cancelled(self, plan: Plan) -> None:
            self.history.attempt(plan)

        @rule(plan=held(shape, "suspend"))
        def is_suspended(self, plan: Plan) -> None:
            self.history.attempt(plan)

        @rule(plan=held(shape, "kill"))
        def is_killed(self, plan: Plan) -> None:
            self.history.attempt(plan)

        @precondition(lambda self: self.history.state == "ended")
        @rule(steps=plans(SHAPES[shape]))
        def starts_anew(self, steps: Steps) -> None:
            """Another flow run with the same place in the store."""
            self.history.state, self.history.attempts = "new", 0
            self.history.attempt(Plan(steps))

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
