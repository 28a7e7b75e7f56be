"""Test which tries count, given XComs and the states of task instances."""

from __future__ import annotations

import runpy
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from tests.airflow.pipelines import OK, Node, pipeline
from translator.shim.contract import ExecutionId, Manifest, State
from translator.shim.outcome import traces
from translator.shim.store import MANIFEST, open_store, try_key
from translator.targets import airflow

if TYPE_CHECKING:
    from pathlib import Path

    from translator.shim.store import Store

pytest.importorskip("airflow.sdk")

C, E, S = State.COMPLETE, State.ERROR, State.STOPPED


class Instance:
    """A task instance of ``list``, ``many`` and ``collect``, of which Airflow says what a test says."""

    dag_id, run_id, map_index, try_number = "small", "r", -1, 1

    def __init__(self, states: dict[str, str | None], tries: dict[str, list[Any]]) -> None:
        self.states, self.tries = states, tries

    def get_task_states(self, task_ids: list[str] | None = None, **_: Any) -> dict[str, dict[str, str | None]]:
        names = task_ids or list(self.states)
        return {"r": {key: state for key, state in self.states.items() if key.startswith(tuple(names))}}

    def xcom_pull(self, task_ids: str, key: str) -> Any:
        found = self.tries.get(task_ids, []) if key == "try" else []
        return found[0] if len(found) == 1 else found


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"))


@pytest.fixture
def dag(tmp_path: Path) -> Any:
    file = tmp_path / "dag.py"
    nodes = (Node("list"), Node("many", [OK, OK], "stop-next", after=["list"]), Node("collect", after=["many"]))
    file.write_text(airflow.generate(pipeline(*nodes)))
    return runpy.run_path(str(file))["dag"]


def left(store: Store, node: str, index: int, state: State | None) -> dict[str, Any]:
    """Write a try to the store, and return the XCom that names it; without a manifest if its worker was killed."""
    identity = store.claim(ExecutionId("Small", "r", node, max(index, 0)))
    store.begin(identity, {}, "t")
    if state is not None:
        store.commit(Manifest(identity, state, {}, {}, {}, [], "t", "t"))
    return {"manifest": store.uri(try_key(identity, MANIFEST)), "map_index": index}


def brought(store: Store, dag: Any, states: dict[str, str | None], tries: dict[str, list[Any]]) -> list[int]:
    """Return the indexes of ``many`` that ``collect`` gets."""
    from airflow_plugin.dataflow.upstream import upstream_manifests

    context: Any = {"ti": Instance(states, tries), "dag": dag}
    return [manifest.id.index for manifest in upstream_manifests(context, ["many"], store)["many"]]


def test_removed_executions_bring_nothing(store: Store, dag: Any) -> None:
    tries = {"many.run": [left(store, "many", index, C) for index in range(3)]}
    states: dict[str, str | None] = {"many.run_0": "success", "many.run_1": "removed", "many.run_2": "removed"}
    assert brought(store, dag, states, tries) == [0]
    assert brought(store, dag, {"many.run": "skipped", **dict.fromkeys(states, "removed")}, tries) == []


def test_executions_that_did_not_run_again_bring_nothing(store: Store, dag: Any) -> None:
    tries = {"many.run": [left(store, "many", index, C) for index in range(5)]}
    names = ("success", "failed", "skipped", "upstream_failed", None)
    states = {f"many.run_{index}": name for index, name in enumerate(names)}
    assert brought(store, dag, states, tries) == [0]


def test_an_execution_marked_as_success_brings_its_outputs(store: Store, dag: Any) -> None:
    tries = {"many.run": [left(store, "many", 0, E), left(store, "many", 1, None)]}
    states: dict[str, str | None] = {f"many.run_{index}": "success" for index in range(3)}
    assert brought(store, dag, states, tries) == [0]


def known(store: Store, dag: Any, states: dict[str, str | None], tries: dict[str, list[Any]]) -> Any:
    from airflow_plugin.dag.nodes import nodes
    from airflow_plugin.dag.plan import plan_of
    from airflow_plugin.dataflow.outcome import EngineRun, known_of
    from airflow_plugin.tasks.instances import states_by_task, tries_of

    node = nodes(dag)["many"]
    listed = states_by_task(states, dag.task_dict)
    seen = EngineRun(listed, {node.run: tries_of(tries.get(node.run, []))}, {}, True, lambda _: None, {})
    found = known_of(plan_of(dag, node), seen, store)
    return {index: (state.state, state.manifest is not None, state.marked) for index, state in found.items()}


def test_a_skipped_execution_was_stopped_or_never_started(store: Store, dag: Any) -> None:
    tries = {"many.run": [left(store, "many", 0, S), left(store, "many", 1, C), left(store, "many", 2, None)]}
    states: dict[str, str | None] = {f"many.run_{index}": "skipped" for index in range(4)}
    of_try = {0: (S, True, False), 1: (S, False, False), 2: (S, True, False), 3: (S, False, False)}
    assert known(store, dag, {"many.grid": "success", **states}, tries) == of_try
    # Its grid was skipped, so Airflow skipped it, and what its XComs name is past.
    of_nothing = dict.fromkeys(range(4), (S, False, False))
    assert known(store, dag, {"many.grid": "skipped", **states}, tries) == of_nothing


def test_a_person_marks_the_last_task_of_a_node(store: Store, dag: Any) -> None:
    tries = {"many.run": [left(store, "many", 0, C), left(store, "many", 1, E)]}
    states: dict[str, str | None] = {"many.grid": "success", "many.run_0": "success", "many.run_1": "failed"}
    executions = {0: (C, True, False), 1: (E, True, False)}
    assert known(store, dag, {**states, "many.done": "upstream_failed"}, tries) == executions
    marked = {-1: (C, False, True)}
    assert known(store, dag, {**states, "many.done": "success"}, tries) == executions | marked
    assert known(store, dag, {**states, "many.run_1": "success", "many.done": "success"}, tries) == {
        0: (C, True, False),
        1: (C, True, False),
    }


def test_a_person_marks_executions_as_failed_after_their_node_completed(store: Store, dag: Any) -> None:
    tries = {"many.run": [left(store, "many", 0, C), left(store, "many", 1, C)]}
    states: dict[str, str | None] = {"many.grid": "success", "many.done": "success"}
    found = known(store, dag, {**states, "many.run_0": "failed", "many.run_1": "success"}, tries)
    assert found == {0: (E, True, False), 1: (C, True, False)}
    found = known(store, dag, {**states, "many.run_0": "failed", "many.run_1": "failed"}, tries)
    assert found == {0: (E, True, False), 1: (E, True, False)}


def test_removed_instances_that_will_not_restart_are_reported(dag: Any) -> None:
    from airflow_plugin.tasks.instances import gone_for_good

    states: dict[str, str | None] = {"many.run_0": None, "many.run_1": "removed", "many.run_2": "removed"}
    instance = Instance({**states, "collect": None}, {})
    context: Any = {"dag": dag, "ti": instance}
    instance.try_number = 2
    assert gone_for_good(context, ["many.run"], 1) is None
    assert "removed 1 of 2, because" in str(gone_for_good(context, ["many.run"], 2))
    assert "removed 1, 2 of 5, because" in str(gone_for_good(context, ["many.run"], 5))
    assert gone_for_good(context, ["collect"], 5) is None
    instance.try_number = 1  # nothing has been cleared, so nobody asks
    assert gone_for_good(context, ["many.run"], 5) is None


@pytest.mark.parametrize(("rule", "marked"), [("none_failed_min_one_success", False), ("all_success", True)])
def test_an_empty_task_that_passes_stopped_executions_does_not_mark(
    store: Store, dag: Any, rule: str, *, marked: bool
) -> None:
    """It closes nodes whose grid may have no points; another task succeeds then only if a person wants it."""
    dag.get_task("many.done").trigger_rule = rule
    tries = {"many.run": [left(store, "many", 0, C), left(store, "many", 1, S)]}
    ended = {"many.grid": "success", "many.run_0": "success", "many.run_1": "skipped", "many.done": "success"}
    found = known(store, dag, ended, tries)
    assert ({-1} & {*found} != set()) is marked
    assert {index: state for index, state in found.items() if index >= 0} == {0: (C, True, False), 1: (S, True, False)}


def test_an_execution_marked_as_failed_while_it_ran(store: Store, dag: Any) -> None:
    from airflow_plugin.dag.nodes import nodes
    from airflow_plugin.dag.plan import plan_of
    from airflow_plugin.dataflow.outcome import EngineRun, known_of
    from airflow_plugin.run.mark import RunMark
    from airflow_plugin.tasks.instances import tries_of

    node = nodes(dag)["many"]
    tries = tries_of([left(store, "many", 0, None), left(store, "many", 1, S), left(store, "many", 2, None)])
    run_mark = RunMark("failed", frozenset({("many.run", 2), ("many.run", 3)}))
    states = run_mark.before({"many.run": dict.fromkeys(range(4), "failed")})
    seen = EngineRun(states, {node.run: tries}, {}, True, lambda _: None, {node.run: {0, 1}})
    found = known_of(plan_of(dag, node), seen, store)
    recorded = traces.read(store, "Small", "r", {"many": found})["many"]
    marked, cut = "a person marked it as failed while it ran", "the run was stopped"
    assert [(one.state, one.reason) for one in recorded] == [(E, marked), (E, marked), (S, cut), (S, cut)]


@pytest.mark.parametrize(
    ("states", "ended", "nodes"),
    [
        ({"list": "success", "collect": "success"}, "complete", {"list": "complete", "collect": "complete"}),
        ({"list": "success", "many.run": None}, "stopped", {"list": "complete", "many": "stopped"}),
        ({"list": "success", "many.run": "removed"}, "stopped", {"list": "complete", "many": "stopped"}),
        ({"list": "success", "old": "success", "older_3": "removed"}, "complete", {"list": "complete"}),
        ({"list": "success", "old.run_0": "upstream_failed"}, "error", {"list": "complete"}),
        ({"list": "success", "collect_0": "failed"}, "error", {"list": "complete"}),
    ],
    ids=[
        "nodes are missing",
        "a node waits",
        "a node was removed",
        "nodes that ended are gone",
        "a failed node is gone",
        "a failed node is gone that is named like an execution",
    ],
)
def test_the_file_of_the_worker_is_another_version_than_the_run(
    store: Store, dag: Any, states: dict[str, str | None], ended: str, nodes: dict[str, str]
) -> None:
    """Nodes of the file that the run has no tasks of are not part of it; a failure that the file lacks counts."""
    from airflow_plugin.dataflow.outcome import finish

    now = datetime.now(UTC)
    run = SimpleNamespace(
        dag_id="small", run_id="r", run_after=now, start_date=now, clear_number=0, conf={}, run_type="manual"
    )
    instance = Instance(states, {name: [left(store, name, -1, C)] for name in ("list", "collect")})
    dag.default_args["store"] = store.root
    context: Any = {"ti": instance, "dag": dag, "dag_run": run, "params": {}}
    warnings: list[str] = []
    record = finish(context, {}, warnings.append)
    assert (record.state.value, {name: node["state"] for name, node in record.document["nodes"].items()}) == (
        ended,
        nodes,
    )


def test_only_mapped_tasks_have_indexes(dag: Any) -> None:
    """``list_0`` is a task that the file of the worker lacks, not an instance of ``list``."""
    from airflow_plugin.tasks.instances import existing_tasks, states_by_task

    listed: dict[str, str | None] = {"list_0": "failed", "many.run_0": "success", "many.run_12": "failed"}
    assert states_by_task(listed, dag.task_dict) == {
        "list_0": {-1: "failed"},
        "many.run": {0: "success", 12: "failed"},
    }
    assert existing_tasks(listed, dag.task_dict) == {"many.run"}


@pytest.mark.parametrize(
    "states",
    [{"many.run": "skipped"}, {"many.run": "removed"}, {"many.run": None}, {"many.run_0": "failed"}],
    ids=["no points or skipped", "removed", "not started", "failed"],
)
def test_a_node_that_brings_nothing(store: Store, dag: Any, states: dict[str, str | None]) -> None:
    assert brought(store, dag, states, {}) == []


@pytest.mark.parametrize("states", [{}, {"many_run": "success"}, {"many.grid": "success"}])
def test_a_node_that_the_run_does_not_have(store: Store, dag: Any, states: dict[str, str | None]) -> None:
    """A node that was put before another in mid-run must not leave that without its files and values."""
    from airflow_plugin.dataflow.upstream import MissingNodeError

    with pytest.raises(MissingNodeError, match="'many' was added to the DAG file after this run had begun"):
        brought(store, dag, states, {})
