"""Test what ``translate why`` says of executions of a store."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from translator.cli import main
from translator.shim.contract import Context, ExecutionId, Input, InputFiles, Parameter, Runner, State, Step
from translator.shim.execution import execute
from translator.shim.outcome.plans import NodePlan
from translator.shim.outcome.run_record import finish
from translator.shim.outcome.traces import EngineState
from translator.shim.store import open_store

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from translator.shim.contract import Manifest, Value

STEP = Step(
    "train",
    ["echo x > $VH_OUTPUTS_DIR/x"],
    image="python:3.12",
    parameters=[Parameter("rate", "float", 0.1)],
    environment={"MODE": "fast", "API_TOKEN": "hunter2-hunter2"},
)


class Runs:
    """A store in which each call is a run with one execution of the node ``train``."""

    def __init__(self, folder: Path) -> None:
        self.project, self.store = folder / "project", folder / "store"
        self.project.mkdir()
        (self.project / "train.py").write_text("1\n")
        self.log: list[str] = []

    def __call__(
        self,
        name: str,
        step: Step = STEP,
        *,
        reuse: bool = True,
        state: State | None = None,
        inputs: Mapping[str, InputFiles] | None = None,
        **parameters: Value,
    ) -> Manifest:
        context = Context(
            ExecutionId("P", name, "train"), str(self.store), self.project, "airflow", self.log.append, reuse=reuse
        )
        manifest = execute(step, context, parameters=parameters, inputs=inputs or {})
        finish(
            open_store(str(self.store)),
            pipeline="P",
            run=name,
            engine="airflow",
            started=manifest.started,
            parameters={},
            nodes=[NodePlan("train")],
            engine_states={"train": {0: EngineState(state or manifest.state, manifest.uri)}},
        )
        return manifest


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


def why(runs: Runs, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["why", *arguments, "--store", str(runs.store)]) == 0
    return capsys.readouterr().out


def test_a_reused_execution(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    runs("first")
    runs("second")
    assert why(runs, capsys, "second") == "train: its results are those of first/train/0/try-1\n"


def test_the_first_run(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    runs("first")
    assert why(runs, capsys, "first", "train") == "train: no earlier execution is complete and has a key\n"


CHANGES = {
    "parameter": (STEP, {"rate": 0.2}, ["parameter", "rate", "0.1", "0.2"]),
    "command": (replace(STEP, command=["echo y > $VH_OUTPUTS_DIR/x"]), {}, ["command", '"echo x > $VH_OUTPUTS_DIR/x"']),
    "image": (replace(STEP, image="python:3.13"), {}, ["image", '"python:3.12"', '"python:3.13"']),
    "variable": (replace(STEP, environment={**STEP.environment, "MODE": "slow"}), {}, ["variable", "MODE", '"fast"']),
    "literal": (
        replace(STEP, environment={**STEP.environment, "API_TOKEN": "other-hunter2"}),
        {},
        ["variable", "API_TOKEN", '"***"'],
    ),
    "setting": (
        replace(STEP, runner=Runner("process", {"hardcoded_paths": "allow"})),
        {},
        ["setting", "hardcoded_paths", "-", '"allow"'],
    ),
    "new secret": (replace(STEP, secret_variables={"KEY": "db"}), {}, ["variable", "KEY", "-", '"*** (db)"']),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_differs(
    runs: Runs, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    monkeypatch.setenv("db", "hunter2-hunter2")
    step, parameters, cells = CHANGES[change]
    runs("first")
    runs("second", step, **parameters)
    out = why(runs, capsys, "second")
    first, nearest, head, *lines = out.splitlines()
    assert first == "train: no earlier execution depends on the same things"
    assert nearest == "  nearest: train of run first"
    assert head.split() == ["then", "now"]
    (line,) = lines
    assert line.strip().startswith(cells[0])
    assert all(cell in line for cell in cells), line
    assert "hunter2" not in out


def test_code_names_the_files(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    runs("first")
    (runs.project / "train.py").write_text("2\n")
    (runs.project / "new.py").write_text("2\n")
    runs("second")
    document = json.loads(why(runs, capsys, "second", "--format", "json"))
    changes = {(one["part"], one["name"]): (one["then"], one["now"]) for one in document[0]["changes"]}
    assert changes == {("code", "new.py"): (None, "53c234e5e8"), ("code", "train.py"): ("4355a46b19", "53c234e5e8")}


def test_inputs_name_the_files(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    reading = replace(STEP, inputs=[Input("data")])
    for name, text in (("first", "a"), ("second", "b")):
        (runs.project.parent / "data").write_text(text)
        uri = (runs.project.parent / "data").as_uri()
        runs(name, reading, inputs={"data": InputFiles(defaults=[uri])})
    changes = json.loads(why(runs, capsys, "second", "--format", "json"))[0]["changes"]
    assert [(one["part"], one["name"]) for one in changes] == [("input", "data/data")]


def test_the_nearest_of_several(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    runs("first", rate=0.2)
    runs("second", replace(STEP, image="other"), rate=0.3)
    runs("third", rate=0.3)
    out = why(runs, capsys, "third")
    assert "nearest: train of run second" in out
    assert "parameter" not in out


def test_reuse_was_off(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    runs("first")
    runs("second", reuse=False)
    assert "reuse was off: use --reuse" in why(runs, capsys, "second")


def test_outputs_that_were_deleted(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    first = runs("first")
    (runs.store / open_store(str(runs.store)).key(first.outputs[0].uri)).unlink()
    runs("second")
    expected = "the output 'x' of the earlier execution with the same key was deleted or changed"
    assert expected in why(runs, capsys, "second")


def test_a_marked_execution(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    runs("first", state=State.ERROR)
    runs("second")
    assert "a person marked the earlier execution" in why(runs, capsys, "second")


def test_what_has_no_key(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    runs("first", replace(STEP, command=["true hunter2-hunter2"]))
    out = why(runs, capsys, "first")
    assert out == "train: its results cannot be reused: its command contains a secret\n"


@pytest.mark.parametrize(
    "parts", [{"command": 3, "packages": [], "code": "../../x", "environment": None}, {"x": "\x1b[31m"}, {"code": {}}]
)
def test_hostile_keys(runs: Runs, capsys: pytest.CaptureFixture[str], parts: dict[str, object]) -> None:
    first = runs("first")
    store = open_store(str(runs.store))
    document = store.read_json(store.key(first.uri))
    store.write_json(store.key(first.uri), {**document, "key": {**document["key"], "parts": parts}})
    runs("second", rate=0.2)
    out = why(runs, capsys, "second")
    assert "nearest: train of run first" in out
    assert "\x1b" not in out


def test_a_run_that_does_not_exist(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    runs("first")
    assert main(["why", "nothing", "--store", str(runs.store)]) == 2
    assert "there is no run 'nothing'" in capsys.readouterr().err


def test_a_file_with_secrets(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    (runs.project / ".env").write_text("PIN=1234\n")
    runs("first")
    (runs.project / ".env").write_text("PIN=4321\n")
    runs("second")
    line = why(runs, capsys, "second").splitlines()[-1]
    assert line.split() == ["code", ".env", '"***"', '"***"']
