"""Test the command that runs one DAG file without a server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import psutil
import pytest

from airflow_plugin.embedded import UsageError, _load
from tests.airflow.pipelines import OK, Node, pipeline
from tests.airflow.scheduler import wait_until
from tests.processes import TELL, process_in
from translator.load import load_text
from translator.run.progress import Progress
from translator.shim.embedded import events
from translator.targets import airflow

if TYPE_CHECKING:
    from pathlib import Path

    from tests.airflow.conftest import Embedded
    from translator.ir import Pipeline, Value

pytest.importorskip("airflow.sdk")

GRID = """\
- step:
    name: work
    image: none
    command: echo {parameter-value:a} {parameter-value:b} > $VH_OUTPUTS_DIR/made
    parameters:
      - {name: a, type: integer, default: 1}
      - {name: b, type: string, default: x}
      - {name: c, type: float}
- task:
    name: sets
    step: work
    type: manual_search
    parameter-sets:
      - {a: 1, b: one}
      - {a: 2}
      - {a: 3, b: null}
- pipeline:
    name: Grids
    nodes:
      - {name: product, type: task, step: work}
      - {name: zip, type: task, task: sets}
    edges: []
"""


def started(pipeline: Pipeline, folder: Path, parameters: dict[str, Value]) -> subprocess.Popen[str]:
    (folder / "project").mkdir()
    file = folder / airflow.file_name(pipeline)
    file.write_text(airflow.generate(pipeline))
    command = airflow.run_command(
        file,
        store=str(folder / "store"),
        run="one",
        project=folder / "project",
        parameters=parameters,
        home=folder / "home",
        jobs=2,
    )
    environment = {**os.environ, "AIRFLOW__CORE__EXECUTOR": "none.such", "AIRFLOW_HOME": "/nowhere"}
    command[0] = sys.executable
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def ended(process: psutil.Process) -> bool:
    """Return whether a process has ended, though nobody has taken note of it."""
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_the_user_sees_what_the_steps_print_and_nothing_of_airflow(tmp_path: Path) -> None:
    process = started(pipeline(Node("one", "echo hello; " + OK), Node("many", ["echo a", "echo b"])), tmp_path, {})
    output, errors = process.communicate(timeout=6000)
    assert process.returncode == 0
    lines = [line for line in output.splitlines() if "[shim]" not in line]
    assert sorted(lines) == ["many[0] | a", "many[1] | b", "one | hello"]
    assert errors == ""
    assert "one.does" not in output
    assert (tmp_path / "home" / "airflow.log").stat().st_size > 0


def test_values_reach_parameters_axes_and_sets(embedded: Embedded) -> None:
    document = embedded.run(load_text(GRID).choose(), {"product.a": (3, 4), "product.b": "it's", "zip.c": 0.5})
    assert document["status"] == 0
    nodes = document["nodes"]
    assert [one["parameters"] for one in nodes["product"]["executions"]] == [
        {"a": 3, "b": "it's", "c": None},
        {"a": 4, "b": "it's", "c": None},
    ]
    assert [one["parameters"] for one in nodes["zip"]["executions"]] == [
        {"a": 1, "b": "one", "c": 0.5},
        {"a": 2, "b": "x", "c": 0.5},
        {"a": 3, "b": None, "c": 0.5},
    ]


def test_a_value_for_an_unknown_parameter_is_bad_usage(tmp_path: Path) -> None:
    process = started(pipeline(Node("one")), tmp_path, {"one.does": "x"})
    _, errors = process.communicate(timeout=6000)
    assert process.returncode == 2
    assert errors.startswith("error: the pipeline has no parameter 'one.does'; did you mean 'one does'?")
    assert "Traceback" not in errors


def test_a_file_with_another_number_of_dags_is_bad_usage(tmp_path: Path) -> None:
    file = tmp_path / "two.py"
    file.write_text('from airflow.sdk import DAG\none, two = DAG("one"), DAG("two")\n')
    with pytest.raises(UsageError, match="defines 2 DAGs, not one") as caught:
        _load(file)
    assert caught.value.hint == "write each DAG to its own file"


def test_tasks_run_in_parallel_within_their_limits(embedded: Embedded, tmp_path: Path) -> None:
    meets = "touch {0}/{1}; until [ -e {0}/{2} ]; do sleep 0.1; done"
    alone = f"mkdir {tmp_path}/lock && sleep 0.3 && rmdir {tmp_path}/lock"
    whole = pipeline(
        Node("one", meets.format(tmp_path, "one", "two")),
        Node("two", meets.format(tmp_path, "two", "one")),
        Node("alone", [f"{alone} && echo {number}" for number in range(3)], after=["one"]),
    )
    nodes = [
        replace(node, policy=replace(node.policy, concurrency=1)) if node.name == "alone" else node
        for node in whole.graph.nodes
    ]
    embedded.begin(replace(whole, graph=replace(whole.graph, nodes=tuple(nodes))), jobs=2)
    document = embedded.end()
    assert document["status"] == 0
    assert [len(node["executions"]) for node in document["nodes"].values()] == [1, 1, 3]


def test_a_pipeline_that_runs_one_node_at_a_time_does_so(embedded: Embedded, tmp_path: Path) -> None:
    alone = f"mkdir {tmp_path}/lock && sleep 0.5 && rmdir {tmp_path}/lock"
    embedded.begin(replace(pipeline(Node("one", alone), Node("two", alone)), concurrency=1), jobs=2)
    assert embedded.end()["status"] == 0


def test_a_failure_stops_what_runs_beside_it(embedded: Embedded, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    bad = Node("bad", f"until [ -e {seen} ]; do sleep 0.1; done; exit 3", "stop-all")
    embedded.begin(pipeline(bad, Node("long", f"touch {seen}; sleep 6000")), jobs=2)
    document = embedded.end()
    assert document["status"] == 1
    assert {name: node["state"] for name, node in document["nodes"].items()} == {"bad": "error", "long": "stopped"}


@pytest.mark.parametrize(
    ("on_error", "state", "attempts"), [("continue", "error", 1), ("retry", "complete", 2)], ids=["once", "again"]
)
def test_a_killed_process_ends_one_attempt_of_its_task_only(
    embedded: Embedded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_error: str, state: str, attempts: int
) -> None:
    seen, of_run = tmp_path / "seen", tmp_path / "events"
    monkeypatch.setattr(embedded.engine, "environment", {events.VARIABLE: str(of_run)})
    victim = Node("victim", f"[ ! -e {seen} ] || exit 0; touch {seen}; sleep 6000", on_error)
    process = psutil.Process(embedded.begin(pipeline(victim, Node("next", after=["victim"])), jobs=2))
    wait_until(lambda: seen.exists() or ended(process))
    for child in process.children():
        child.kill()
    document = embedded.end()
    assert document["status"] == 0
    assert {name: node["state"] for name, node in document["nodes"].items()} == {"victim": state, "next": "complete"}
    (execution,) = document["nodes"]["victim"]["executions"]
    assert execution["tries"] == attempts
    assert ("killed" in (execution["reason"] or "")) == (state == "error")
    progress = Progress()
    told = [one for line in of_run.read_text().splitlines() for one in progress.take(json.loads(line))]
    assert len(told) == 2 * (attempts + 1)
    (shown,) = progress.nodes["victim"].values()
    assert (shown.state, shown.reason, shown.tries) == (state, execution["reason"] or "", attempts)


def test_a_signal_stops_the_run(embedded: Embedded, tmp_path: Path) -> None:
    """``tests/run`` has SIGINT."""
    asleep = tmp_path / "asleep"
    sleeper = f"sh -c '{TELL} > {asleep}; exec sleep 600'"
    process = psutil.Process(
        embedded.begin(pipeline(Node("one", sleeper, "continue"), Node("two", after=["one"])), jobs=2)
    )
    wait_until(lambda: process_in(asleep) is not None or ended(process))
    process.send_signal(signal.SIGTERM)
    document = embedded.end()
    assert process_in(asleep) is None
    assert (document["status"], document["state"]) == (1, "stopped")
    assert {name: node["state"] for name, node in document["nodes"].items()} == {"one": "stopped", "two": "stopped"}
