"""Clear what failed in a run, so that what was skipped because of it runs, too."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from airflow_plugin.dag.nodes import Node
from tests.airflow.pipelines import OK, pipeline
from tests.airflow.pipelines import Node as Written
from translator.targets import airflow

if TYPE_CHECKING:
    from tests.airflow.scheduler import Airflow

pytest.importorskip("airflow.sdk")

UPSTREAM = {"a": [], "b": ["a"], "b.done": ["b"], "c": ["b.done"], "d": ["c"], "e": ["a"]}


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ({"a": [None], "b": [None], "b.done": ["skipped"], "c": ["skipped"], "d": ["skipped"]}, {"b.done", "c", "d"}),
        ({"a": ["success"], "b": [None, None], "b.done": ["skipped"], "c": ["skipped"]}, {"b.done", "c"}),
        # One of several executions runs again, alone.
        ({"a": ["success"], "b": [None, "skipped"], "b.done": ["skipped"], "c": ["skipped"]}, set()),
        # Nothing of the node is cleared, or its gate is.
        ({"a": [None], "b": ["failed"], "b.done": ["skipped"], "c": ["skipped"]}, set()),
        ({"a": [None], "b": [None], "b.done": [None], "c": ["skipped"]}, set()),
        # What no gate skipped stays as it is.
        ({"a": [None], "e": ["skipped"]}, set()),
    ],
)
def test_what_runs_again(states: dict[str, list[str | None]], expected: set[str]) -> None:
    from airflow_plugin.recovery.reached_again import reached_again

    upstream = {task: UPSTREAM[task] for task in states}
    assert reached_again(states, upstream, {"b.done"}) == expected


NODES = [
    Node("train", "task", "stop-all", None, "train", ("train",)),
    Node("fetch", "execution", "stop-all", None, "fetch", ("fetch",)),
    Node("tolerant", "execution", "continue", None, "tolerant", ("tolerant", "tolerant.done")),
]


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        # One execution failed, and stopped its siblings and another branch.
        ({"train": ["success", None, "skipped"], "fetch": ["skipped"], "finish": [None]}, {"train", "fetch"}),
        # Another failure is left that stops it at once.
        ({"train": ["failed", None, "skipped"], "fetch": ["skipped"]}, set()),
        ({"train": [None], "fetch": ["failed"], "tolerant": ["skipped"]}, set()),
        # Nothing was cleared that stops it.
        ({"train": ["success"], "fetch": ["skipped"], "tolerant": [None]}, set()),
        # A node that follows was not stopped.
        ({"train": [None], "tolerant": ["success"], "after": ["skipped"]}, set()),
    ],
)
def test_what_was_stopped_runs_again(states: dict[str, list[str | None]], expected: set[str]) -> None:
    from airflow_plugin.recovery.reached_again import stopped_by_cleared

    assert stopped_by_cleared(states, lambda task: {"train"} if task == "after" else set(), NODES) == expected


def test_a_task_that_was_removed_from_the_dag_does_not_count() -> None:
    from airflow_plugin.recovery.reached_again import clear

    dag = SimpleNamespace(has_task=["finish"].__contains__, get_task={"finish": SimpleNamespace()}.__getitem__)
    clear(None, dag, [SimpleNamespace(task_id="gone", state="skipped", operator="GateOperator")])


def test_clearing_only_failed_tasks(scheduler: Airflow) -> None:
    """The node after the failed one continues on errors, so its gate is skipped when it does not run."""
    nodes = (
        Written("first", f"test -e $TESTS_HOME/mended && {OK}", on_error="stop-next"),
        Written("tolerant", on_error="continue", after=["first"]),
        Written("last", after=["tolerant"]),
    )
    (scheduler.dags / "reached.py").write_text(airflow.generate(pipeline(*nodes, name="Reached")))
    scheduler.wait_for_dags("reached")
    scheduler.trigger("reached", "again")
    assert scheduler.wait("reached", "again") == "failed"
    assert "skipped" in {ti["state"] for ti in scheduler.tasks("reached", "again").values()}
    (scheduler.home / "mended").touch()
    scheduler.api("POST", "/api/v2/dags/reached/dagRuns/again/clear", {"dry_run": False, "only_failed": True})
    assert scheduler.wait("reached", "again") == "success"
    assert {ti["state"] for ti in scheduler.tasks("reached", "again").values()} == {"success"}
    record = scheduler.record("again")
    assert (record["state"], [node["state"] for node in record["nodes"].values()]) == ("complete", ["complete"] * 3)


def test_executions_that_a_failure_stopped(scheduler: Airflow) -> None:
    """Siblings and other branches that ``stop-all`` stopped run again with what failed; what is complete does not."""
    slow = f"test -e $TESTS_HOME/stopped-mended || exec sleep 600; {OK}"
    fails = f"test -e $TESTS_HOME/stopped-mended && {OK}"
    nodes = (
        Written("first"),
        Written("many", [fails, slow, slow], after=["first"]),
        Written("last", after=["many"]),
        Written("beside", slow),
        Written("after beside", after=["beside"]),
    )
    (scheduler.dags / "stopped.py").write_text(airflow.generate(pipeline(*nodes, name="Stopped")))
    scheduler.wait_for_dags("stopped")
    scheduler.trigger("stopped", "stopped-1")
    assert scheduler.wait("stopped", "stopped-1") == "failed"
    assert scheduler.record("stopped-1")["nodes"]["beside"]["state"] == "stopped"
    (scheduler.home / "stopped-mended").touch()
    run = "/api/v2/dags/stopped/dagRuns/stopped-1/clear"
    scheduler.api("POST", run, {"dry_run": False, "only_failed": True})
    assert scheduler.wait("stopped", "stopped-1") == "success"
    record = scheduler.record("stopped-1")
    assert {node["state"] for node in record["nodes"].values()} == {"complete"}
    tries = {name: [one["tries"] for one in node["executions"]] for name, node in record["nodes"].items()}
    assert tries["first"] == [1]
    assert len(tries["many"]) == 3
