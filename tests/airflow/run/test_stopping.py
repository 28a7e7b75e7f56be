"""Test how a task asks Airflow whether it must stop: what it hears, and how much."""

from __future__ import annotations

import runpy
from typing import Any

import pytest

from tests.airflow.pipelines import OK, Node, pipeline
from translator.targets import airflow

pytest.importorskip("airflow.sdk")

WIDTH = 500
"""The number of executions of ``wide`` and of ``aside``."""
STOPS = [{"when": "node-complete", "if": ["metadata.x > 1"], "then": "stop-pipeline"}]
STARTS = [{"when": "node-starting", "if": [], "then": "stop-pipeline"}]
NOTHING = [{"when": "node-complete", "if": [], "then": "noop"}]
STOPPED_START = "next: stop-pipeline at node-starting"
STOPPED_END = "gate: stop-pipeline at node-complete, because metadata.x > 1"


class Instance:
    """A task instance that asks, and counts the states that Airflow returns to it."""

    dag_id, run_id, map_index, try_number = "small", "r", 0, 1

    def __init__(self, states: dict[str, str | None], effects: dict[str, Any], task_id: str) -> None:
        self.states, self.effects, self.task_id = states, effects, task_id
        self.returned, self.named = 0, 0
        self.pushed: list[tuple[str, str]] = []

    def _chosen(self, task_ids: list[str] | None) -> dict[str, str | None]:
        self.named = max(self.named, len(task_ids or ()))
        if not task_ids:
            return self.states
        return {k: v for k, v in self.states.items() if k in task_ids or k.rpartition("_")[0] in task_ids}

    def get_task_states(self, task_ids: list[str] | None = None, **_: Any) -> dict[str, dict[str, str | None]]:
        chosen = self._chosen(task_ids)
        self.returned += len(chosen)
        return {"r": chosen}

    def get_ti_count(self, task_ids: list[str] | None = None, states: list[str] | None = None, **_: Any) -> int:
        return sum(states is None or state in states for state in self._chosen(task_ids).values())

    def xcom_push(self, key: str, value: str) -> None:
        self.pushed.append((key, value))

    def xcom_pull(self, task_ids: str, key: str) -> Any:
        assert key == "actions"
        return self.effects.get(task_ids)


@pytest.fixture(scope="module")
def dag(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a DAG in which tasks wait for tasks with many instances, and others run beside them."""
    file = tmp_path_factory.mktemp("dag") / "dag.py"
    nodes = (
        Node("wide", [OK, OK]),
        Node("next", after=["wide"], more={"actions": [{"when": "node-starting", "then": "stop-pipeline"}]}),
        Node("gate", on_error="stop-next", more={"actions": [_action(STOPS)]}),
        Node("aside", [OK, OK], "stop-next"),
        *(Node(f"more{n}", on_error="stop-next", more={"actions": [_action(STOPS)]}) for n in range(50)),
    )
    file.write_text(airflow.generate(pipeline(*nodes)))
    return runpy.run_path(str(file))["dag"]


def _action(effects: list[dict[str, Any]]) -> dict[str, Any]:
    return {key: effects[0][key] for key in ("when", "if", "then")}


@pytest.fixture
def ask(dag: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Ask three times whether an execution of ``aside`` must stop; return why, and the instance that asked."""
    from airflow_plugin.run import stopping

    monkeypatch.setattr(stopping, "_REST", 0)

    def run(states: dict[str, str | None], effects: dict[str, Any], **wide: str) -> tuple[str | None, Instance]:
        states = {**dict.fromkeys((f"aside.run_{index}" for index in range(WIDTH)), "running"), **states}
        states |= {f"wide.run_{index}": "success" for index in range(WIDTH)} | wide
        ti = Instance(states, effects, "aside.run")
        context: Any = {"ti": ti, "dag": dag}
        reason = stopping.stop_reason(context)
        (answer,) = {reason() for _ in range(3)}
        return answer, ti

    return run


@pytest.mark.parametrize(
    ("states", "effects", "wide"),
    [
        ({"gate.actions": "skipped"}, {}, {}),
        ({"gate.actions": "skipped"}, {"gate.actions": NOTHING}, {}),
        ({"gate.actions": "success"}, {"gate.actions": STOPS}, {}),
        ({"gate.actions": "running", "more1.run": "failed"}, {"gate.actions": STOPS}, {}),
        ({"next.starting": "skipped", "wide.done": None}, {"next.starting": STARTS}, {"wide.run_3": "running"}),
        ({"next.starting": "skipped", "wide.done": "skipped"}, {"next.starting": STARTS}, {}),
    ],
)
def test_waiting_costs_the_same_whatever_the_width(ask: Any, states: Any, effects: Any, wide: Any) -> None:
    answer, ti = ask(states, effects, **wide)
    assert answer is None
    assert ti.returned < WIDTH
    assert ti.named <= 40


@pytest.mark.parametrize(
    ("states", "effects", "wide", "why"),
    [
        ({"gate.actions": "skipped"}, {"gate.actions": STOPS}, {}, STOPPED_END),
        ({"gate.actions": "failed"}, {"gate.actions": STOPS}, {}, STOPPED_END),
        ({"next.starting": "skipped", "wide.done": "success"}, {"next.starting": STARTS}, {}, STOPPED_START),
        ({"next.starting": "failed", "wide.done": "success"}, {"next.starting": STARTS}, {}, STOPPED_START),
        ({"more49.actions": "skipped"}, {"more49.actions": STOPS}, {}, STOPPED_END.replace("gate", "more49")),
        ({}, {}, {"wide.run_3": "failed"}, None),
    ],
)
def test_a_stop_is_noticed(ask: Any, states: Any, effects: Any, wide: Any, why: str | None) -> None:
    from translator.shim.outcome.reasons import of_failure

    answer, ti = ask(states, effects, **wide)
    assert answer == (why or of_failure("wide", several=True))
    assert ti.pushed == [("stopped", answer)]
