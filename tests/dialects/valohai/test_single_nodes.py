"""Test steps and task blueprints as pipelines of one node: ``--step NAME``, ``--task NAME`` and ``--all``."""

from pathlib import Path

import pytest

from translator import ir
from translator.cli import main
from translator.dialects.choices import ChoiceError, Choices
from translator.dialects.valohai.choices import ValohaiChoices
from translator.load import load_text

TEXT = """\
- step:
    name: train
    image: python:3.12
    command: python train.py {parameters}
    parameters: [{name: lr, type: float, default: 0.1}, {name: note, optional: true}]
    inputs: [{name: data}, {name: more, default: more.csv}]
- step: {name: broken, image: i, command: x}
- step: {name: both, image: i, command: x}
- task: {name: search, step: train, parameters: [{name: lr, style: multiple, rules: {items: [1, 2]}}]}
- task: {name: lost, step: nowhere, parameters: [{name: lr, style: multiple, rules: {items: [1, 2]}}]}
"""
BOTH = """\
- pipeline: {name: both, nodes: [{name: a, type: execution, step: both}], edges: []}
- task: {name: both, step: train, parameters: [{name: lr, style: multiple, rules: {items: [1]}}]}
"""


def test_a_step_is_a_pipeline_of_one_execution_node() -> None:
    loaded = load_text(TEXT, choices=Choices(steps=("train",)))
    pipeline = loaded.choose()
    (node,) = pipeline.nodes
    assert isinstance(node, ir.ExecutionNode)
    assert (pipeline.name, node.name, node.step.name) == ("train", "train", "train")
    assert str(pipeline.span.place) == "valohai.yaml:2"
    assert [parameter.name for parameter in node.step.parameters] == ["lr", "note"]
    assert loaded.names == ("train",)


def test_a_task_blueprint_is_a_pipeline_of_one_task_node() -> None:
    (node,) = load_text(TEXT, choices=ValohaiChoices(tasks=("search",))).choose().nodes
    assert isinstance(node, ir.TaskNode)
    assert [(axis.parameter, axis.values) for axis in node.grid.axes] == [("lr", (1, 2))]


def test_several_are_several_pipelines() -> None:
    loaded = load_text(TEXT, choices=ValohaiChoices(steps=("both", "train"), tasks=("search",)))
    assert [pipeline.name for pipeline in loaded.pipelines] == ["both", "train", "search"]


def test_all_has_the_pipelines_too_and_names_tell_kinds_apart() -> None:
    loaded = load_text(TEXT + BOTH, choices=ValohaiChoices(everything=True))
    assert loaded.names == ("both", "train", "broken", "both (step)", "search", "lost", "both (task)")
    assert {pipeline.name for pipeline in loaded.pipelines} == {*loaded.names} - {"lost"}
    (fault,) = [one for one in loaded.diagnostics if one.pipeline == "lost"]
    assert fault.code == "unknown-step"


def test_names_that_become_one_file_are_told_apart() -> None:
    text = TEXT.replace("name: both,", 'name: "Train (task)",') + BOTH.replace(
        "{name: both, nodes", "{name: Train, nodes"
    )
    text = text.replace("step: both}], edges", "step: train}], edges").replace(
        "{name: both, step", "{name: train, step"
    )
    loaded = load_text(text, choices=ValohaiChoices(everything=True))
    assert loaded.names[:4] == ("Train", "train (step)", "broken", "Train (task)")
    assert loaded.names[-1] == "train (task 2)"


@pytest.mark.parametrize("more", [{"steps": ("train",)}, {"tasks": ("search",)}])
def test_all_and_some_cannot_be_combined(more) -> None:
    with pytest.raises(ChoiceError, match="--all cannot be combined with --"):
        load_text(TEXT, choices=ValohaiChoices(everything=True, **more))


@pytest.mark.parametrize(
    ("choices", "message", "hint"),
    [
        (Choices(steps=("trian",)), "--step trian: there is no step 'trian'", "did you mean 'train'?"),
        (ValohaiChoices(tasks=("train",)), "--task train: there is no task blueprint 'train'", "search"),
    ],
)
def test_an_unknown_name_is_an_error_with_a_suggestion(choices, message: str, hint: str) -> None:
    with pytest.raises(ChoiceError, match=message) as caught:
        load_text(TEXT, choices=choices)
    assert hint in (caught.value.hint or "")


def test_a_file_without_a_pipeline_says_which_steps_it_has(tmp_path: Path, capsys) -> None:
    file = tmp_path / "valohai.yaml"
    file.write_text(TEXT)
    assert main(["check", str(file)]) == 0
    assert "choose one of its steps with --step: 'train', 'broken', 'both'" in capsys.readouterr().out


def test_parameters_and_inputs_of_the_only_node_need_no_node(tmp_path: Path, capsys) -> None:
    file = tmp_path / "valohai.yaml"
    file.write_text(TEXT)
    assert main(["explain", str(file), "--step", "train", "--param", "lr=many"]) == 2
    assert "--param train.lr: " in capsys.readouterr().err
    assert main(["explain", str(file), "--step", "train", "--param", "lr=0.5"]) == 0
    assert "The run is given files for the input train.data." in capsys.readouterr().out


@pytest.mark.parametrize("target", ["airflow", "prefect"])
def test_all_of_a_file_is_written_to_a_directory(tmp_path: Path, target: str) -> None:
    file = tmp_path / "valohai.yaml"
    file.write_text(TEXT.partition("- task: {name: lost")[0] + BOTH)
    assert main([str(file), "-t", target, "--all", "-o", f"{tmp_path}/out/"]) == 0
    names = {path.stem.removesuffix("_flow") for path in (tmp_path / "out").iterdir()}
    assert names == {"both", "train", "broken", "both_step", "search", "both_task"}
