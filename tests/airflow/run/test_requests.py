"""Count what a task that runs a step requests from Airflow: each request costs every execution milliseconds."""

from __future__ import annotations

import json
import runpy
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from translator.load import load_text
from translator.targets import GenerateOptions, airflow

if TYPE_CHECKING:
    from pathlib import Path

comms = pytest.importorskip("airflow.sdk.execution_time.comms")

SOURCE = """\
- step:
    name: work
    image: i
    command: test "$(cat FAILS)" != {parameter-value:x} && echo x > /valohai/outputs/x
    parameters: [{name: x, type: integer, default: 0}]
- step:
    name: last
    image: i
    command: ls /valohai/inputs/files
    inputs: [{name: files, optional: true}]
- task: {name: many, step: work, type: grid_search, parameters: [{name: x, style: multiple, rules: {items: [1, 2]}}]}
- pipeline:
    name: Small
    reuse-executions: REUSE
    nodes:
      - {name: many, type: task, task: many, on-error: stop-next}
      - {name: last, type: execution, step: last}
      - {name: aside, type: execution, step: work}
    edges: [[many.output.*, last.input.files]]
"""
STOP, TRY = ("count",), ("push", "try")
# Airflow 3.1 shows a label when its task ends.
LABEL = [("label", "x=1")] if hasattr(comms, "SetRenderedMapIndex") else []


class Instance:
    """A task instance that notes what it requests; ``pushed`` is by key and task."""

    dag_id, try_number, start_date = "small", 1, None
    rendered_map_index: str | None = None

    def __init__(self, run: Run, task_id: str, map_index: int) -> None:
        self.run, self.run_id, self.task_id, self.map_index = run, run.run_id, task_id, map_index
        self.requests: list[tuple[str, ...]] = []

    def get_ti_count(self, task_ids: list[str] | None, states: list[str], **_: Any) -> int:
        self.requests.append(STOP)
        found = [key.rpartition("_")[0] for key, state in self.run.states.items() if state in states]
        return len([task for task in found if task_ids is None or task in task_ids])

    def get_task_states(self, **_: Any) -> dict[str, dict[str, str]]:
        self.requests.append(("states",))
        return {self.run_id: self.run.states}

    def xcom_push(self, key: str, value: Any) -> None:
        self.requests.append(("push", key))
        self.run.push(self, key, value)

    def xcom_pull(self, task_ids: str, key: str) -> list[Any]:
        self.requests.append(("pull", key))
        return list(self.run.pushed.get((key, task_ids), {}).values())

    def send(self, msg: Any) -> None:
        self.requests.append(("label", msg.rendered_map_index))


class Run:
    """A DAG run, and Airflow as far as its tasks ask it."""

    dag_id, clear_number, conf = "small", 0, {}

    def __init__(self, dag: Any, run_id: str, patch: pytest.MonkeyPatch) -> None:
        self.dag, self.run_id, self.patch = dag, run_id, patch
        self.run_after = self.start_date = datetime.now(UTC)
        self.states: dict[str, str] = {}
        self.pushed: dict[tuple[str, str], dict[int, Any]] = {}

    def push(self, instance: Instance, key: str, value: Any) -> None:
        self.pushed.setdefault((key, instance.task_id), {})[instance.map_index] = value

    def execute(self, task_id: str, point: dict[str, Any] | None = None) -> Instance:
        """Run a task as Airflow does, mapped if it has a point, which has the number of its index."""
        from airflow.sdk.execution_time import task_runner
        from airflow.sdk.execution_time.context import context_update_for_unmapped

        index = point["parameters"]["x"] - 1 if point is not None else -1
        instance, task = Instance(self, task_id, index), self.dag.get_task(task_id)
        self.patch.setattr(task_runner, "SUPERVISOR_COMMS", instance, raising=False)
        params = {name: param.value for name, param in self.dag.params.items()}
        template = task.map_index_template if point is not None else None
        context: Any = {"ti": instance, "dag": self.dag, "dag_run": self, "params": params, "task": task}
        if point is not None:
            context["map_index_template"] = template
            context["ti"] = SimpleNamespace(task=task)  # of Airflow's own
            task = task.unmap({"point": json.dumps(point)})
            context_update_for_unmapped(context, task)
            context["ti"] = instance
            assert task.render_template(template, context) == ("" if task.reuse else f"x={index + 1}")
        try:
            self.push(instance, "return_value", task.execute(context))
        except Exception:
            self._end(instance, "failed")
            raise
        self._end(instance, "success")
        return instance

    def _end(self, instance: Instance, state: str) -> None:
        index = instance.map_index
        self.states[f"{instance.task_id}_{index}" if index >= 0 else instance.task_id] = state


class Runs:
    """Runs of one pipeline over one store."""

    def __init__(self, tmp_path: Path, patch: pytest.MonkeyPatch, *, reuse: bool) -> None:
        (tmp_path / "project").mkdir()
        self.fails, self.patch = tmp_path / "fails", patch
        self.fails.write_text("none")
        file = tmp_path / "dag.py"
        source = SOURCE.replace("REUSE", str(reuse).lower()).replace("FAILS", str(self.fails))
        pipeline = load_text(source).choose()
        file.write_text(airflow.generate(pipeline, GenerateOptions(project="project")))
        self.dag = runpy.run_path(str(file))["dag"]
        self.dag.default_args["store"] = str(tmp_path / "store")

    def start(self, run_id: str) -> Run:
        return Run(self.dag, run_id, self.patch)


def point(value: int) -> dict[str, Any]:
    return {"label": f"x={value}", "parameters": {"x": value}}


def test_a_reused_execution_requests_only_whether_to_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = Runs(tmp_path, monkeypatch, reuse=True)
    first, second = runs.start("first"), runs.start("second")
    ran = first.execute("many.run", point(1))
    assert ran.requests == [STOP, *LABEL, TRY]
    reused = second.execute("many.run", point(1))
    assert reused.requests == [STOP]
    # What reports the end of the task has the label.
    assert (ran.rendered_map_index, reused.rendered_map_index) == ("x=1", "x=1")
    returned = second.pushed["return_value", "many.run"][0]
    assert (returned["reused"], returned["map_index"]) == ("first/many/0/try-1", 0)
    assert returned["manifest"].endswith("/second/many/0/try-1/manifest.json")


def test_without_reuse_airflow_shows_the_label_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = Runs(tmp_path, monkeypatch, reuse=False)
    assert runs.start("first").execute("many.run", point(1)).requests == [STOP, *LABEL, TRY]


def test_a_failed_execution_names_its_try(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow_plugin.exceptions import ExecutionError, FinalExecutionError

    runs = Runs(tmp_path, monkeypatch, reuse=True)
    runs.fails.write_text("1")
    run = runs.start("first")
    with pytest.raises((ExecutionError, FinalExecutionError)):
        run.execute("many.run", point(1))
    assert run.pushed["try", "many.run"][0]["manifest"].endswith("/first/many/0/try-1/manifest.json")


def test_executions_in_order_ask_for_the_number_of_failures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow_plugin.exceptions import NotStarted

    runs = Runs(tmp_path, monkeypatch, reuse=True)
    runs.dag.get_task("many.run").partial_kwargs["sequential"] = True
    run = runs.start("first")
    assert run.execute("many.run", point(1)).requests == [STOP, STOP, *LABEL, TRY]
    run.states["many.run_0"] = "failed"
    with pytest.raises(NotStarted, match="an execution before this one failed"):
        run.execute("many.run", point(2))


@pytest.mark.parametrize(
    ("reused", "failed", "pulled"),
    [
        ([], False, ["return_value"]),
        ([1], False, ["return_value"]),
        ([1, 2], False, ["return_value"]),
        ([1], True, ["try", "return_value"]),
        ([], True, ["try"]),
    ],
)
def test_a_task_finds_reused_executions_with_one_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reused: list[int], failed: bool, pulled: list[str]
) -> None:
    from airflow_plugin.dataflow.upstream import upstream_manifests
    from translator.shim.store import open_store

    runs = Runs(tmp_path, monkeypatch, reuse=True)
    for value in reused:
        runs.start("first").execute("many.run", point(value))
    run = runs.start("second")
    for value in (1, 2):
        run.execute("many.run", point(value))
    if failed:
        run.states["many.run_2"] = "failed"
    instance = Instance(run, "last", -1)
    context: Any = {"ti": instance, "dag": runs.dag}
    manifests = upstream_manifests(context, ["many"], open_store(runs.dag.default_args["store"]))["many"]
    assert [(manifest.id.run, manifest.id.index) for manifest in manifests] == [("second", 0), ("second", 1)]
    assert [bool(manifest.reused) for manifest in manifests] == [value in reused for value in (1, 2)]
    assert instance.requests == [("states",), *(("pull", key) for key in pulled)]


def test_a_deployment_that_keeps_no_return_values_still_finds_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = Runs(tmp_path, monkeypatch, reuse=True)
    runs.dag.get_task("aside").do_xcom_push = False  # as a cluster policy may say
    first, second = runs.start("first").execute("aside"), runs.start("second").execute("aside")
    assert first.requests == second.requests == [STOP, TRY]
    assert second.run.pushed["return_value", "aside"][-1]["reused"] == "first/aside/0/try-1"
