"""Clear what failed in a run, so that what was skipped because of it runs, too."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_plugin.dag.nodes import Node
from airflow_plugin.dag.plan import NodePlan
from tests.airflow.pipelines import OK, pipeline
from tests.airflow.pipelines import Node as Written
from translator.load import load
from translator.targets import GenerateOptions, airflow

if TYPE_CHECKING:
    from tests.airflow.scheduler import Airflow

pytest.importorskip("airflow.sdk")

UPSTREAM = {"a": [], "b": ["a"], "b.done": ["b"], "c": ["b.done"], "d": ["c"], "e": ["a"]}


def again(states: dict[str, list[str | None]], upstream: dict[str, list[str]] | None = None, **run: Any) -> set[str]:
    """Return which tasks run again; those without a place in ``upstream`` are beside the others."""
    from airflow_plugin.recovery.reached_again import Cleared, run_again

    place = {task: -1 if len(of_task) == 1 else 0 for task, of_task in states.items()}
    indexed = {task: dict(enumerate(of_task, place[task])) for task, of_task in states.items()}
    before = {task: [above for above in (upstream or {}).get(task, []) if above in states] for task in states}
    return run_again(Cleared(states=indexed, upstream=before, **run))


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ({"a": [None], "b": [None], "b.done": ["skipped"], "c": ["skipped"], "d": ["skipped"]}, {"b.done", "c", "d"}),
        ({"a": ["success"], "b": [None, None], "b.done": ["skipped"], "c": ["skipped"]}, {"b.done", "c"}),
        # The node ran after it had been cleared while the run was running.
        ({"a": ["success"], "b": ["success"], "b.done": ["skipped"], "c": ["skipped"]}, {"b.done", "c"}),
        # One of several executions runs again, alone.
        ({"a": ["success"], "b": [None, "skipped"], "b.done": ["skipped"], "c": ["skipped"]}, set()),
        # Nothing of the node is cleared, or its gate is.
        ({"a": [None], "b": ["failed"], "b.done": ["skipped"], "c": ["skipped"]}, set()),
        ({"a": [None], "b": [None], "b.done": [None], "c": ["skipped"]}, set()),
        # What no gate skipped stays as it is.
        ({"a": [None], "e": ["skipped"]}, set()),
    ],
)
def test_what_gates_let_run_again(states: dict[str, list[str | None]], expected: set[str]) -> None:
    assert again(states, UPSTREAM, gates={"b.done"}) == expected


def plans(*nodes: Node, acting: str | None = None) -> list[NodePlan]:
    return [NodePlan(node, acting={acting: ()} if acting in node.tasks else {}) for node in nodes]


NODES = plans(
    Node("train", "task", "stop-all", None, "train", ("train",)),
    Node("fetch", "execution", "stop-all", None, "fetch", ("fetch",)),
    Node("tolerant", "execution", "continue", None, "tolerant", ("tolerant", "tolerant.done")),
    Node("files", "task", "stop-next", None, "files", ("files",), sequential=True),
    Node("siblings", "task", "continue", "stop-all-and-error", "siblings", ("siblings",)),
)


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        # One execution failed, and stopped its siblings and another branch.
        ({"train": ["success", None, "skipped"], "fetch": ["skipped"], "finish": [None]}, {"train", "fetch"}),
        # It is marked as success, or has run again while the run was running.
        ({"train": ["success", "success", "skipped"], "fetch": ["skipped"]}, {"train", "fetch"}),
        # Another failure is left that stops it at once.
        ({"train": ["failed", None, "skipped"], "fetch": ["skipped"]}, set()),
        ({"train": [None], "fetch": ["failed"], "siblings": ["skipped"]}, set()),
        # A failure is left that never stopped it, or that it waits for.
        ({"tolerant": ["failed"], "fetch": ["skipped"], "train": [None]}, {"fetch"}),
        ({"train": ["failed"], "after": ["skipped"], "fetch": [None]}, {"after"}),
        # Executions that run one after another, and those that a sibling stopped.
        ({"files": ["success", None, "skipped"]}, {"files"}),
        ({"files": ["success", "failed", "skipped"], "train": [None]}, set()),
        ({"siblings": ["success", None, "skipped"]}, {"siblings"}),
        ({"siblings": ["success", "failed", "skipped"], "train": [None]}, set()),
        # A condition skipped it.
        ({"train": [None], "optional": ["skipped"]}, set()),
    ],
)
def test_what_was_stopped_runs_again(states: dict[str, list[str | None]], expected: set[str]) -> None:
    stopped = states.keys() - {"optional", "finish"}
    assert again(states, {"after": ["train"]}, plans=NODES, stopped=stopped) == expected


@pytest.mark.parametrize(
    ("state", "expected"),
    [(None, {"fetch"}), ("success", {"fetch"}), ("skipped", set()), ("failed", set())],
)
@pytest.mark.parametrize("then", ["stop-pipeline", "error-pipeline"])
def test_what_an_action_stopped_runs_again(state: str | None, expected: set[str], then: str) -> None:
    """The action counts as long as its task has not been cleared, and no person has marked that as success."""
    node = Node("train", "execution", "stop-next", None, "train.run", ("train.run", "train.actions"))
    effects = {"train.actions": [{"when": "node-complete", "if": [], "then": then}]}
    states = {"train.run": ["success"], "train.actions": [state], "fetch": ["skipped"]}
    run = {"plans": plans(node, acting="train.actions"), "actions": effects, "stopped": {"fetch"}}
    upstream = {"train.actions": ["train.run"]}
    assert again(states, upstream, gates={"train.actions"}, **run) == expected  # type: ignore[arg-type]


BATCHES = ("s.ask_1", "s.run_1", "s.ask_2", "s.run_2")
REST = {"s.ask_2", "s.run_2"}


@pytest.mark.parametrize(
    ("on_error", "condition", "first", "expected"),
    [
        ("stop-all", None, [None, "success"], REST),
        ("stop-all", None, ["failed", None], set()),
        ("continue", "x > 1", [None, "success"], REST),
        ("continue", "x > 1", ["success", "success"], set()),
    ],
)
def test_the_rest_of_a_search_runs_again(
    on_error: Any, condition: str | None, first: list[str | None], expected: set[str]
) -> None:
    """A failure or a stop-condition has ended it; only the former is recorded."""
    searching = {"batches": ("s.run_1", "s.run_2"), "batch_size": 2, "count": 4, "stop_condition": condition}
    node = Node("s", "task", on_error, None, "s.run", BATCHES, **searching)
    states = {"s.ask_1": ["success"], "s.run_1": first, "s.ask_2": ["skipped"], "s.run_2": ["skipped"]}
    upstream = {"s.run_1": ["s.ask_1"], "s.ask_2": ["s.ask_1", "s.run_1"], "s.run_2": ["s.ask_2"]}
    stopped = set() if condition else {"s.ask_2"}
    assert again(states, upstream, plans=plans(node), stopped=stopped) == expected


def test_siblings_run_again_with_an_execution_that_had_ended_a_search() -> None:
    node = Node("s", "task", "continue", None, "s.run", ("s.grid", "s.run", "s.done"), stop_condition="x > 1")
    states = {"s.grid": ["success"], "s.run": [None, "skipped"], "s.done": [None]}
    assert again(states, {"s.run": ["s.grid"], "s.done": ["s.run"]}, plans=plans(node)) == {"s.run"}


def test_all_of_a_run_that_was_cut_off_runs_again() -> None:
    states: dict[str, list[str | None]] = {"a": [None], "b": ["skipped"], "c": ["success"], "finish": ["skipped"]}
    assert again(states, cut_off=True) == {"b", "finish"}


def test_a_lost_approval_is_a_failure_that_stops_all() -> None:
    node = Node("train", "execution", "stop-all", None, "train.run", ("train.run", "train.actions"))
    assert node.verdicts == ("train.run", "train.actions")


def test_many_tasks_are_found_in_time() -> None:
    """Each of two chains with 1,500 tasks is ordered with all tasks of its own, and stopped by those of the other."""
    upstream = {f"{chain}{n}": [f"{chain}{n - 1}"] if n else [] for chain in "ab" for n in range(1500)}
    nodes = [Node(task, "execution", "stop-all", None, task, (task,)) for task in upstream]
    states: dict[str, list[str | None]] = {task: [None if task[0] == "a" else "skipped"] for task in upstream}
    found = again(states, upstream, plans=plans(*nodes), stopped=set(upstream))
    assert found == {task for task in upstream if task[0] == "b"}


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


LOOP = """
data:
  pages: {type: data_folder, path: data/pages}
  texts: {type: data_folder, path: data/texts}
  book: {type: txt, path: data/book.txt}
pipeline:
  - name: read
    task: tasks/read.py
    loop: {over: $pages, into: $texts}
    inputs: {page: $loop_item}
    outputs: {--output: $loop_output}
  - name: bind
    task: tasks/bind.py
    inputs: {texts: $texts}
    outputs: {--output: $book}
"""
READ = """
import os, shutil, sys
if sys.argv[1].endswith("b.txt") and not os.path.exists(os.environ["TESTS_HOME"] + "/read-mended"):
    sys.exit(3)
shutil.copy(sys.argv[1], sys.argv[-1])
"""
BIND = """
import os, sys
open(sys.argv[-1], "w").write(" ".join(sorted(os.listdir(sys.argv[1]))))
"""


def test_executions_after_a_failed_one(scheduler: Airflow) -> None:
    """Those of a sequential loop run after the failed one; the next step must not start without their files."""
    project = scheduler.home / "bound"
    files = {"pipeline.yml": LOOP, "tasks/read.py": READ, "tasks/bind.py": BIND}
    for name, text in (files | {f"data/pages/{page}.txt": page for page in "abc"}).items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    pipeline = replace(load(project / "pipeline.yml").choose(), name="bound")
    options = GenerateOptions(project=os.path.relpath(project, scheduler.dags))
    (scheduler.dags / "bound.py").write_text(airflow.generate(pipeline, options))
    scheduler.wait_for_dags("bound")
    scheduler.trigger("bound", "bound-1")
    assert scheduler.wait("bound", "bound-1") == "failed"
    states = [one["state"] for one in scheduler.record("bound-1")["nodes"]["read"]["executions"]]
    assert states == ["complete", "error", "skipped"]
    (scheduler.home / "read-mended").touch()
    scheduler.api("POST", "/api/v2/dags/bound/dagRuns/bound-1/clear", {"dry_run": False, "only_failed": True})
    assert scheduler.wait("bound", "bound-1") == "success"
    (book,) = scheduler.store.glob("bound/bound-1/bind/**/book.txt")
    assert book.read_text() == "a.txt b.txt c.txt"
    assert [one["tries"] for one in scheduler.record("bound-1")["nodes"]["read"]["executions"]] == [1, 2, 1]
