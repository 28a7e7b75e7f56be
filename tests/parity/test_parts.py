"""Run a pipeline, then parts of it that take files and values from the earlier run, on both engines."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.parity.engines import run_pipeline
from translator.dialects import Choices, loom, magnus
from translator.dialects.loom.choices import LoomChoices
from translator.history.comparison import differences
from translator.load import load

if TYPE_CHECKING:
    from collections.abc import Mapping

PIPELINE = """
- step:
    name: make
    image: i
    command:
      - "echo made > $VH_OUTPUTS_DIR/made.txt"
      - "echo '{{\\"best\\": 7}}'"
    parameters: [{{name: size, type: integer, default: 3}}]
- step:
    name: train
    image: i
    command: "cat $VH_INPUTS_DIR/data/* > $VH_OUTPUTS_DIR/model-{{parameter-value:rate}}.txt"
    parameters: [{{name: rate, type: integer, default: 1}}]
    inputs: [{{name: data}}]
- step:
    name: join
    image: i
    command:
      - "{command}"
      - "cat $VH_INPUTS_DIR/*/* > $VH_OUTPUTS_DIR/all.txt"
      - "ls $VH_INPUTS_DIR/* | tail -n 9"
    parameters:
      - {{name: best, type: integer, default: 0}}
      - {{name: size, type: integer, default: 0}}
    inputs: [{{name: models}}, {{name: data, optional: true}}]
- step:
    name: last
    image: i
    command: "cat $VH_INPUTS_DIR/all/* > $VH_OUTPUTS_DIR/end.txt"
    inputs: [{{name: all}}]
- task:
    name: rates
    step: train
    parameters: [{{name: rate, style: multiple, rules: {{items: [1, 2]}}}}]
- pipeline:
    name: Parts
    nodes:
      - {{name: make, type: execution, step: make}}
      - {{name: train, type: task, task: rates}}
      - {{name: join, type: execution, step: join, on-error: continue}}
      - {{name: last, type: execution, step: last}}
    edges:
      - [make.output.*, train.input.data]
      - [train.output.model*, join.input.models]
      - [make.output.*, join.input.data]
      - [make.metadata.best, join.parameter.best]
      - [make.parameter.size, join.parameter.size]
      - [join.output.*, last.input.all]
"""


@dataclass
class Runs:
    """Runs of one engine in one store, the last one first."""

    engine: Any
    folder: Path
    name: str = ""

    def run(self, choices: Choices, command: str = ":", values: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Run a part of the pipeline; return its record."""
        project = self.folder / "project"
        project.mkdir(exist_ok=True)
        (project / "valohai.yaml").write_text(PIPELINE.format(command=command))
        (project / "given.txt").write_text("given\n")
        pipeline = load(project / "valohai.yaml", choices=replace(choices, pipeline="Parts")).choose()
        ran = run_pipeline(self.engine, pipeline, project, self.folder / "store", values or {}, name=self.name or None)
        self.name = ran[0].name
        return {**ran[1], "pipeline": "", "files": {path.name: path.read_text() for path in ran[3].rglob("outputs/*")}}


@pytest.fixture(scope="module")
def runs(engines, tmp_path_factory):
    """Run the same parts on each engine, and return their records by what they are."""

    def of(engine: Any) -> dict[str, dict[str, Any]]:
        here = Runs(engine, tmp_path_factory.mktemp(engine.name))
        missing = here.run(Choices(steps=("last",)))
        whole = here.run(Choices(), "exit 1")
        return {
            "missing": missing,
            "whole": whole,
            "from": (parted := here.run(Choices(first="join"))),
            "only": here.run(Choices(steps=("join",)), values={"join.inputs.models": ["given.txt"]}),
            "again": here.run(Choices(first="join", last="join", run=parted["run"])),
            "end": here.run(Choices(steps=("last",))),
            "failed": here.run(Choices(steps=("last",), run="run-0")),
            "tolerated": here.run(Choices(steps=("last",), run=whole["run"])),
        }

    with ThreadPoolExecutor() as lanes:
        return list(lanes.map(of, engines))


@pytest.mark.parametrize("what", ["whole", "from", "only", "again", "end", "tolerated"])
def test_engines_agree(runs, what: str) -> None:
    one, other = (ran[what] for ran in runs)
    assert differences(one, other) == []
    assert one["files"] == other["files"]
    assert ("earlier_run" in one) == ("earlier_run" in other)


def test_a_part_takes_files_and_values_of_the_latest_run(runs) -> None:
    for ran in runs:
        record = ran["from"]
        assert (ran["whole"]["nodes"]["join"]["state"], record["state"]) == ("error", "complete")
        assert record["earlier_run"] == ran["whole"]["run"]
        assert list(record["nodes"]) == ["join", "last"]
        (join,) = record["nodes"]["join"]["executions"]
        assert join["parameters"] == {"best": 7, "size": 3}
        assert record["files"] == {"all.txt": "made\n" * 3, "end.txt": "made\n" * 3}


def test_files_that_a_run_is_given_replace_those_of_left_out_nodes(runs) -> None:
    for ran in runs:
        assert ran["only"]["files"] == {"all.txt": "made\ngiven\n"}
        # The latest run was a part: what it had taken itself comes from the run before it.
        assert ran["only"]["earlier_run"] == ran["from"]["run"]


def test_a_run_of_a_part_can_be_named(runs) -> None:
    for ran in runs:
        assert ran["again"]["earlier_run"] == ran["from"]["run"]
        assert ran["end"]["earlier_run"] == ran["again"]["run"]
        assert ran["end"]["files"] == {"end.txt": "made\n" * 3}


def test_a_node_that_failed_and_lets_others_run_brings_nothing(runs) -> None:
    for ran in runs:
        record = ran["tolerated"]
        assert record["earlier_run"] == ran["whole"]["run"]
        (last,) = record["nodes"]["last"]["executions"]
        assert "input 'all' is required but has no file: no file matches join.output.*" in last["reason"]
        (whole,) = ran["whole"]["nodes"]["last"]["executions"]
        assert last["reason"] == whole["reason"], "as if the node had been part of the run"


@pytest.mark.parametrize(("what", "reason"), [("missing", "there is no earlier run of"), ("failed", "run 'run-0'")])
def test_a_part_without_an_earlier_run_fails(runs, what: str, reason: str) -> None:
    for ran in runs:
        record = ran[what]
        assert record["state"] == "error"
        assert "earlier_run" not in record
        (last,) = record["nodes"]["last"]["executions"]
        assert reason in last["reason"]


def test_a_part_of_loom_takes_files_of_the_latest_run(engines, tmp_path) -> None:
    """Loom's own steps find their files in the project; with ``--run``, in the earlier run."""

    def of(engine: Any) -> dict[str, Any]:
        project = tmp_path / engine.name / "project"
        shutil.copytree(Path(loom.__file__).parent / "example", project)
        name: str | None = None
        for choices in (LoomChoices(last="train_fast"), LoomChoices(first="choose", run="latest")):
            pipeline = load(project / "pipeline.yml", choices=choices).choose()
            ran = run_pipeline(engine, pipeline, project, tmp_path / engine.name / "store", {}, name=name)
            name = ran[0].name
        return {**ran[1], "pipeline": ""}

    with ThreadPoolExecutor() as lanes:
        one, other = lanes.map(of, engines)
    assert differences(one, other) == []
    assert (one["state"], list(one["nodes"]), "earlier_run" in one) == ("complete", ["choose"], True)


EXAMPLE = Path(magnus.__file__).parent / "example"


@pytest.fixture(scope="module")
def controlflow_runs(engines, tmp_path_factory):
    """Run parts of a control-flow graph on each engine, and return their records by what they are."""

    def of(engine: Any) -> dict[str, dict[str, Any]]:
        folder = tmp_path_factory.mktemp(engine.name)
        project = folder / "project"
        shutil.copytree(EXAMPLE, project)
        name: str | None = None

        def run(**choices: Any) -> dict[str, Any]:
            nonlocal name
            pipeline = load(project / "pipeline.yaml", project=project, choices=Choices(**choices)).choose()
            ran = run_pipeline(engine, pipeline, project, folder / "store", {}, name=name)
            name = ran[0].name
            return {**ran[1], "pipeline": "", "status": ran[2]}

        missing = run(first="Choose")
        return {
            "missing": missing,
            "to": run(last="Prepare"),
            "composite": run(first="Train"),  # a composite node starts
            "from": run(first="Choose"),  # after a composite node
            "between": run(first="Train", last="Train", run="latest"),
        }

    with ThreadPoolExecutor() as lanes:
        return list(lanes.map(of, engines))


@pytest.mark.parametrize("what", ["to", "composite", "from", "between"])
def test_engines_agree_on_parts_of_control_flow(controlflow_runs, what: str) -> None:
    one, other = (ran[what] for ran in controlflow_runs)
    assert differences(one, other) == []
    assert one["state"] == "complete"


def test_a_part_of_control_flow_starts_with_the_catalog_of_the_earlier_run(controlflow_runs) -> None:
    for ran in controlflow_runs:
        nodes = {what: list(record["nodes"]) for what, record in ran.items()}
        assert nodes == {
            "missing": ["Choose"],
            "to": ["Prepare"],
            "composite": ["Train", "Choose"],
            "from": ["Choose"],
            "between": ["Train"],
        }
        assert "earlier_run" not in ran["to"]
        assert [ran[what]["earlier_run"] for what in ("composite", "from", "between")] == [
            ran[what]["run"] for what in ("to", "composite", "from")
        ]
        assert [file["path"] for file in ran["from"]["catalog"]] == [
            "best.json",
            "fast.json",
            "points.json",
            "slow.json",
        ]
        assert ran["from"]["catalog"] == ran["composite"]["catalog"]


def test_a_part_of_control_flow_without_an_earlier_run_fails(controlflow_runs) -> None:
    for ran in controlflow_runs:
        record = ran["missing"]
        assert (record["state"], record["status"]) == ("error", 1)
        (execution,) = record["nodes"]["Choose"]["executions"]
        assert "there is no earlier run of" in execution["reason"]
