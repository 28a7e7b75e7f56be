"""Test the options for pipelines of Magnus and runnable: their parameters, and where their steps run."""

from pathlib import Path

import pytest

from tests.dialects.controlflow.marks import magnus
from translator.cli import main, param_option
from translator.diagnostics import Diagnostics
from translator.load import load, load_text

TEXT = magnus("a: {type: stub, next: success}")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "pipe.yaml"
    path.write_text(TEXT)
    return path


def test_parameters_from_a_file(file: Path):
    parameters = file.with_name("p.yaml")
    parameters.write_text("n: 1\nxs: [1, {a: [yes, 010]}]\nnothing:\n")
    pipeline = load(file, parameters=parameters).choose()
    assert {p.name: p.default for p in pipeline.parameters} == {"n": 1, "xs": (1, {"a": ("yes", 10)}), "nothing": None}
    assert not any(p.targets for p in pipeline.parameters)
    assert pipeline.parameters[1].span.place == "p.yaml:2"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[1]", "bad-value"),
        ("1: x", "bad-name"),
        ("a: [", "not-yaml"),
        ("a: .nan", "not-finite"),
        (None, "missing-file"),
    ],
)
def test_an_invalid_parameters_file_is_an_error(file: Path, text, code):
    parameters = file.with_name("p.yaml")
    if text is not None:
        parameters.write_text(text)
    assert [d.code for d in load(file, parameters=parameters).diagnostics] == [code]


def test_values_are_json_or_text():
    found = Diagnostics()
    pipeline = load_text(TEXT).choose()
    values = param_option.values(pipeline, ["n=1", "xs=[1, 2]", "word=a,b", 'o={"a": null}'], found)
    assert values == {"n": 1, "xs": (1, 2), "word": "a,b", "o": {"a": None}}
    assert found.ok
    assert {p.name: p.default for p in param_option.declare(pipeline, values).parameters} == values


def test_the_command_line(file: Path, capsys):
    assert main(["check", str(file), "--dialect", "magnus"]) == 0
    assert main(["check", str(file), "--parameters-file", str(file.with_name("none.yaml"))]) == 1
    assert main(["check", str(file), "--dialect", "magnsu"]) == 2
    assert "did you mean 'magnus'?" in capsys.readouterr().err
    assert main(["check", str(file), "--grid", "a.b=1"]) == 2


def test_another_directory_can_be_the_project(tmp_path: Path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "sub.yaml").write_text(TEXT)
    outer = tmp_path / "deep" / "outer.yaml"
    outer.write_text(magnus("a: {type: dag, dag_definition: sub.yaml, next: success}"))
    assert main(["check", str(outer)]) == 1
    assert main(["check", str(outer), "--project", str(tmp_path)]) == 0
