"""Test how a search that runs batch by batch is judged: its batches as one task, and the points that it keeps."""

from __future__ import annotations

import runpy
from typing import TYPE_CHECKING, Any

import pytest

from translator.load import load_text
from translator.shim.contract import ExecutionId, Manifest, State
from translator.shim.store import MANIFEST, open_store, try_key
from translator.targets import airflow

if TYPE_CHECKING:
    from pathlib import Path

    from translator.shim.store import Store

pytest.importorskip("airflow.sdk")

from airflow_plugin.tasks.entries import entry_of, texts_of

C, E, S = State.COMPLETE, State.ERROR, State.STOPPED
SOURCE = """
- step:
    name: train
    image: none
    command: "true"
    parameters: [{name: x, type: integer}, {name: kind}]
- step: {name: last, image: none, command: "true", inputs: [{name: found}]}
- task:
    name: tune
    step: train
    type: bayesian_tpe
    execution-count: 5
    execution-batch-size: 2
    optimization-target-metric: accuracy
    optimization-target-value: 1
    stop-condition: STOP
    parameters:
      - {name: x, style: random, rules: {min: 0, max: 1000000}}
      - {name: kind, style: multiple, rules: {items: [a, b]}}
- pipeline:
    name: Best
    nodes:
      - {name: tune, type: task, task: tune, on-error: RULE}
      - {name: last, type: execution, step: last}
    edges: [[tune.output.*, last.input.found]]
"""
ASKED = {"tune.ask_1": "success", "tune.ask_2": "success", "tune.ask_3": "success"}
FIRST = {"tune.run_1_0": "success", "tune.run_1_1": "failed"}
SECOND = {"tune.run_2_0": "success", "tune.run_2_1": "success"}


class Instance:
    """The first task of a batch, of which Airflow says what a test says; ``pushed`` is by key and task."""

    dag_id, run_id, task_id, map_index, try_number = "best", "r", "tune.ask_1", -1, 1

    def __init__(self, states: dict[str, str | None], pushed: dict[tuple[str, str], Any]) -> None:
        self.states, self.pushed = states, pushed

    def get_task_states(self, task_ids: list[str] | None = None, **_: Any) -> dict[str, dict[str, str | None]]:
        names = tuple(task_ids or self.states)
        return {"r": {key: state for key, state in self.states.items() if key.startswith(names)}}

    def get_ti_count(self, **_: Any) -> int:
        return 0

    def xcom_pull(self, task_ids: str, key: str = "return_value") -> Any:
        return self.pushed.get((key, task_ids))

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key, "pushed"] = value


class Run:
    """A DAG run of ``SOURCE``, whose directory in the store is ``r``."""

    run_id, dag_id, clear_number, conf = "r", "best", 0, {}

    def __init__(self, tmp_path: Path, rule: str = "continue", stop: str = "accuracy > 1") -> None:
        from datetime import UTC, datetime

        self.run_after = self.start_date = datetime.now(UTC)
        file = tmp_path / "dag.py"
        file.write_text(airflow.generate(load_text(SOURCE.replace("RULE", rule).replace("STOP", stop)).choose()))
        self.dag = runpy.run_path(str(file))["dag"]
        self.dag.default_args["store"] = str(tmp_path / "store")
        self.store = open_store(str(tmp_path / "store"))

    @property
    def node(self) -> Any:
        from airflow_plugin.dag.nodes import nodes

        return nodes(self.dag)["tune"]

    def context(self, states: dict[str, str | None], pushed: dict[tuple[str, str], Any] | None = None) -> Any:
        params = {name: param.value for name, param in self.dag.params.items()}
        return {"ti": Instance(states, pushed or {}), "dag": self.dag, "dag_run": self, "params": params}

    def ask(self, number: int, states: dict[str, str | None], pushed: dict[tuple[str, str], Any] | None = None) -> Any:
        """Return what the task that chooses a batch returns."""
        return self.dag.get_task(f"tune.ask_{number}").execute(self.context(states, pushed))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    pytest.importorskip("optuna")
    return Run(tmp_path)


def left(store: Store, index: int, state: State, parameters: dict[str, Any] | None = None) -> dict[str, Any]:
    """Write a try to the store, and return the XCom that names it."""
    identity = store.claim(ExecutionId("Best", "r", "tune", index, kind="task"))
    store.begin(identity, parameters or {}, "t")
    store.commit(Manifest(identity, state, parameters or {}, {"accuracy": 0.5}, {}, [], "t", "t"))
    return {"manifest": store.uri(try_key(identity, MANIFEST)), "map_index": index % 2}


def test_the_batches_are_one_node(tmp_path: Path) -> None:
    run = Run(tmp_path)
    assert (run.node.kind, run.node.run, run.node.batch_size, run.node.count) == ("task", "tune.run", 2, 5)
    assert run.node.batches == ("tune.run_1", "tune.run_2", "tune.run_3")
    assert run.node.choosing == tuple(ASKED)
    assert run.node.done == "tune.done"
    assert [run.node.index("tune.run_2", index) for index in (0, 1)] == [2, 3]


def test_the_plan_of_a_stored_dag_has_the_batches(tmp_path: Path) -> None:
    import json

    from airflow_plugin.dag.plan import from_json, plan_of

    run = Run(tmp_path)
    plan = json.loads(run.dag.get_task("finish").plan)
    assert next(iter(from_json(plan["nodes"]))) == plan_of(run.dag, run.node)


def known(run: Run, states: dict[str, str | None], tries: dict[str, dict[int, str]]) -> Any:
    """Return the state of each execution, and whether a try of it counts."""
    from airflow_plugin.dag.plan import plan_of
    from airflow_plugin.dataflow.outcome import EngineRun, _joined, known_of
    from airflow_plugin.tasks.instances import states_by_task

    seen = EngineRun(states_by_task(states, run.dag.task_dict), tries, {}, True, lambda _: None, {"tune.run_2": {1}})
    plan = plan_of(run.dag, run.node)
    found = known_of(plan, _joined([plan], seen), run.store)
    return {index: (state.state, state.manifest, state.marked) for index, state in found.items()}


def test_executions_count_through_the_batches(tmp_path: Path) -> None:
    run = Run(tmp_path)
    states = {**ASKED, **FIRST, "tune.run_2_0": "success", "tune.run_2_1": "failed", "tune.run_3_0": "success"}
    tries = {"tune.run_1": {0: "a", 1: "b"}, "tune.run_2": {0: "c", 1: "d"}, "tune.run_3": {0: "e"}}
    assert known(run, states, tries) == {
        0: (C, "a", False),
        1: (E, "b", False),
        2: (C, "c", False),
        3: (E, "d", True),
        4: (C, "e", False),
    }


def test_executions_that_a_stopped_search_did_not_choose_are_stopped(tmp_path: Path) -> None:
    run = Run(tmp_path)
    stopped = {"tune.ask_1": "success", "tune.ask_2": "skipped", "tune.run_2_0": "skipped", "tune.ask_3": "skipped"}
    # The tries of the second batch are of an attempt before it was cleared.
    tries = {"tune.run_1": {0: "a", 1: "b"}, "tune.run_2": {0: "c", 1: "d"}}
    assert known(run, {**stopped, **FIRST}, tries) == {
        0: (C, "a", False),
        1: (E, "b", False),
        **dict.fromkeys(range(2, 5), (S, None, False)),
    }


def test_a_node_fails_if_a_batch_cannot_be_chosen(tmp_path: Path) -> None:
    run = Run(tmp_path)
    states = {"tune.ask_1": "success", "tune.ask_2": "failed", **FIRST}
    assert known(run, states, {"tune.run_1": {0: "a", 1: "b"}}) == {-1: (E, None, False)}


def test_what_follows_gets_the_files_of_all_batches(tmp_path: Path) -> None:
    from airflow_plugin.dataflow.upstream import upstream_manifests

    run = Run(tmp_path)
    tries = {
        ("try", "tune.run_1"): [left(run.store, 0, C), left(run.store, 1, E)],
        ("try", "tune.run_2"): [left(run.store, 2, C), left(run.store, 3, C)],
    }
    states = {**ASKED, **FIRST, **SECOND}
    brought = upstream_manifests(run.context(states, tries), ["tune"], run.store)["tune"]
    assert [manifest.id.index for manifest in brought] == [0, 2, 3]
    brought = upstream_manifests(run.context({**states, "tune.ask_2": None}, tries), ["tune"], run.store)["tune"]
    assert [manifest.id.index for manifest in brought] == [0], "the second batch has been cleared"


def test_a_batch_keeps_the_points_of_executions_that_there_have_been(run: Run) -> None:
    chosen = run.ask(1, {})
    assert len({entry_of(point)["label"] for point in chosen}) == 2
    assert run.ask(1, {}) == chosen
    before = {("return_value", "tune.ask_1"): chosen}
    asked = {"tune.ask_1": "success", **FIRST}
    second = run.ask(2, asked, before)
    assert len(second) == 2
    left(run.store, 3, E, {"x": 7, "kind": "b"})
    assert [entry_of(point)["parameters"] for point in run.ask(2, asked, before)] == [
        entry_of(second[0])["parameters"],
        {"x": 7, "kind": "b"},
    ]
    left(run.store, 3, E, {"x": -7, "kind": "b"})  # outside the rules of the file, which have changed
    assert run.ask(2, asked, before) == second


def test_a_run_of_several_keeps_the_points_of_the_one_that_it_resumes(run: Run) -> None:
    from airflow_plugin.run.directory import RESUMES

    identity = run.store.claim(ExecutionId("Best", "failed", "tune", 1, kind="task"))
    run.store.begin(identity, {}, "t")
    run.store.commit(Manifest(identity, E, {"x": 7, "kind": "b"}, {}, {}, [], "t", "t"))
    context = run.context({})
    context["dag_run"].conf = {RESUMES: "failed"}
    first, second = map(entry_of, run.dag.get_task("tune.ask_1").execute(context))
    assert second["parameters"] == {"x": 7, "kind": "b"}
    assert first["parameters"] != second["parameters"]


def test_the_last_batch_is_shorter(run: Run) -> None:
    chosen = run.ask(1, {})
    before = {("return_value", "tune.ask_1"): chosen, ("return_value", "tune.ask_2"): chosen}
    assert len(run.ask(3, {**ASKED, **FIRST, **SECOND}, before)) == 1


@pytest.mark.parametrize(
    ("rule", "states", "reason"),
    [
        ("continue", {"tune.ask_1": "skipped"}, "ask_1 has not chosen its batch"),
        ("continue", {"tune.ask_1": "success"}, "ask_1 has not chosen its batch"),
        ("stop-all", {"tune.ask_1": "success", **FIRST}, "an execution of 'tune' failed"),
    ],
)
def test_a_search_that_does_not_continue(tmp_path: Path, rule: str, states: Any, reason: str) -> None:
    from airflow_plugin.exceptions import NotStarted

    with pytest.raises(NotStarted, match=reason):
        Run(tmp_path, rule).ask(2, states)


@pytest.mark.parametrize(
    ("rule", "states", "passes"),
    [
        ("continue", {**ASKED, **FIRST, **SECOND, "tune.run_3_0": "failed"}, None),
        ("continue", {**ASKED, "tune.run_1_0": "failed", "tune.run_1_1": "failed"}, "no execution of the node"),
        ("continue", {"tune.ask_1": "success", **FIRST, "tune.ask_2": "failed"}, "could be chosen"),
        ("continue", {"tune.ask_1": "success", **FIRST, "tune.ask_2": "skipped", "tune.run_2": "skipped"}, "stopped"),
        ("continue", {"tune.ask_1": "upstream_failed", "tune.run_1": "upstream_failed"}, "did not run"),
        ("stop-next", {**ASKED, **FIRST, **SECOND, "tune.run_3_0": "success"}, "an execution of the node failed"),
        ("stop-all", {**ASKED, **FIRST, "tune.ask_2": "skipped", "tune.run_2": "skipped"}, "an execution of the node"),
    ],
)
def test_the_gate_of_a_search(tmp_path: Path, rule: str, states: Any, passes: str | None) -> None:
    from airflow_plugin.exceptions import NodeError, NotStarted

    run = Run(tmp_path, rule)
    done = run.dag.get_task("tune.done")
    if passes is None:
        done.execute(run.context(states))
    else:
        with pytest.raises((NodeError, NotStarted), match=passes):
            done.execute(run.context(states))


def test_a_search_ends_once_its_stop_condition_holds(tmp_path: Path) -> None:
    from airflow_plugin.exceptions import NotStarted

    run = Run(tmp_path, "stop-all", stop="accuracy >= 0.5")
    tries = {("try", "tune.run_1"): [left(run.store, 0, C), left(run.store, 1, S)]}
    first = {"tune.ask_1": "success", "tune.run_1_0": "success", "tune.run_1_1": "skipped"}
    chosen = {("return_value", "tune.ask_1"): texts_of([{"label": "", "parameters": {}}] * 2)}
    with pytest.raises(NotStarted, match="the stop-condition of the node holds"):
        run.ask(2, first, {**tries, **chosen})
    after = {
        **first,
        "tune.ask_2": "skipped",
        "tune.run_2": "skipped",
        "tune.ask_3": "skipped",
        "tune.run_3": "skipped",
    }
    run.dag.get_task("tune.done").execute(run.context(after, tries))
    named = {"tune.run_1": {0: tries["try", "tune.run_1"][0]["manifest"]}}
    found = known(run, after, named)
    assert {index: state for index, (state, _, _) in found.items()} == {0: C, 1: State.SKIPPED}


@pytest.mark.parametrize(("state", "told"), [("success", True), (None, False), ("failed", False)])
def test_an_execution_for_which_a_stop_condition_held_counts_while_it_is_complete(
    tmp_path: Path, state: str | None, told: bool
) -> None:
    from airflow_plugin.tasks.stop_condition import is_told

    states = {"tune.ask_1": "success", "tune.run_1_0": state, "tune.run_1_1": None}
    context = Run(tmp_path).context(states, {("stop_condition", "tune.run_1"): [0]})
    context["ti"].task_id = "tune.run_1"
    assert is_told(context) is told


def test_executions_of_a_batch_are_stopped_by_the_others(tmp_path: Path) -> None:
    from airflow_plugin.run.stopping import stopping_tasks

    dag = Run(tmp_path, "stop-all").dag
    reason = "an execution of 'tune' failed"
    assert stopping_tasks(dag, "tune.run_2") == {"tune.run_2": reason}
