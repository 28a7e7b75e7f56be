"""Clear what failed in a run, so that what was skipped because of it runs, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.airflow.pipelines import OK, Node, pipeline
from tests.airflow.scheduler import wait_until
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


def test_clearing_only_failed_tasks(scheduler: Airflow) -> None:
    """The node after the failed one continues on errors, so its gate is skipped when it does not run."""
    nodes = (
        Node("first", f"test -e $TESTS_HOME/mended && {OK}", on_error="stop-next"),
        Node("tolerant", on_error="continue", after=["first"]),
        Node("last", after=["tolerant"]),
    )
    (scheduler.dags / "reached.py").write_text(airflow.generate(pipeline(*nodes, name="Reached")))
    wait_until(lambda: "reached" in scheduler.listed())
    scheduler.trigger("reached", "again")
    assert scheduler.wait("reached", "again") == "failed"
    assert "skipped" in {ti["state"] for ti in scheduler.tasks("reached", "again").values()}
    (scheduler.home / "mended").touch()
    scheduler.api("POST", "/api/v2/dags/reached/dagRuns/again/clear", {"dry_run": False, "only_failed": True})
    assert scheduler.wait("reached", "again") == "success"
    assert {ti["state"] for ti in scheduler.tasks("reached", "again").values()} == {"success"}
    record = scheduler.record("again")
    assert (record["state"], [node["state"] for node in record["nodes"].values()]) == ("complete", ["complete"] * 3)
