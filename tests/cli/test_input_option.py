"""Test ``--input NODE.INPUT=URI,URI`` and ``--inputs-file``, which give a run the files of its inputs."""

from pathlib import Path

import pytest

from tests.checks.test_checks import check
from translator.cli import input_option
from translator.diagnostics import Diagnostics
from translator.load import load_text

TEXT = """\
- step:
    name: s
    image: i
    command: x
    parameters: [{name: lr, type: float, default: 1}]
    inputs:
      - {name: model}
      - {name: pictures, default: [a.png, "b/*.png"]}
      - {name: labels, optional: true}
      - {name: a=b, optional: true}
- pipeline:
    name: P
    nodes:
      - {name: first, type: execution, step: s}
      - {name: replacing, type: execution, step: s}
      - {name: adding, type: task, step: s, edge-merge-mode: append}
    edges:
      - [first.output.*, replacing.input.model]
      - [first.output.*, adding.input.model]
"""
MODEL = "first.model=s3://models/m.pkl"
GIVEN = {"first.inputs.model": ("s3://models/m.pkl",)}


def files(*texts: str, file: str | None = None, text: str = TEXT) -> tuple[dict[str, object], list[str]]:
    diagnostics = Diagnostics()
    values = input_option.files(load_text(text).choose(), texts, file, {}, diagnostics)
    return values, [f"{one.message} | {one.hint}" for one in diagnostics.found]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([MODEL], {}),
        ([MODEL, "first.pictures=gs://x/1,gs://x/2"], {"first.inputs.pictures": ("gs://x/1", "gs://x/2")}),
        ([MODEL, 'first.pictures="gs://x/1,2",y.png'], {"first.inputs.pictures": ("gs://x/1,2", "y.png")}),
        ([MODEL, "first.a=b=http://host/x?a=b"], {"first.inputs.a=b": ("http://host/x?a=b",)}),
        ([MODEL, f"first.labels={'x' * 300}, y"], {"first.inputs.labels": ("x" * 300, "y")}),
        ([MODEL, "adding.inputs.model=m"], {"adding.inputs.model": ("m",)}),
        ([MODEL, "replacing.labels=/data/*.csv"], {"replacing.inputs.labels": ("/data/*.csv",)}),
    ],
)
def test_values_by_the_names_of_the_form(texts, expected) -> None:
    assert files(*texts) == (GIVEN | expected, [])


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([], "the run needs files for the input 'first.model', which has no edge and no default | "),
        (["first.model"], "--input first.model: expected NODE.INPUT=URI | None"),
        (["first.model="], "--input first.model: expected at least one URI | None"),
        (["first.model=a\nb"], "--input first.model: not a list of URIs: "),
        (['first.model="a'], "--input first.model: not a list of URIs: "),
        (["first.model=" + "x" * 200_000], "--input first.model: not a list of URIs: "),
        ([MODEL, MODEL], "--input first.model is given twice | separate URIs with commas"),
        (["first.modle=x"], "--input first.modle: there is no input 'first.modle' | did you mean 'first.model'?"),
        (["first.lr=x"], "--input first.lr: there is no input 'first.lr' | "),
        (
            ["replacing.model=x"],
            (
                "--input replacing.model: edges replace all other files of this input | to add files to theirs, set "
                "'edge-merge-mode: append' for node 'replacing'"
            ),
        ),
    ],
)
def test_what_cannot_be_given_is_an_error(texts, message: str) -> None:
    _, found = files(*texts)
    assert len(found) == 1
    assert found[0].startswith(message)


def test_a_path_is_that_of_the_current_directory_if_a_file_is_there(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "m.pkl").touch()
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "1.png").touch()
    monkeypatch.chdir(tmp_path)
    values, found = files("first.model=m.pkl", "first.pictures=b/**.png,c/*.png,elsewhere.png")
    assert not found
    assert values == {
        "first.inputs.model": (f"{tmp_path}/m.pkl",),
        "first.inputs.pictures": (f"{tmp_path}/b/**.png", "c/*.png", "elsewhere.png"),
    }


def test_a_file_of_inputs_and_an_option_that_wins(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").touch()
    file = tmp_path / "inputs.yaml"
    file.write_text("first: {model: http://a/b, labels: [labels.csv]}\nadding.model: [x, y]\n")
    values, found = files(MODEL, file=str(file))
    assert not found
    assert values == GIVEN | {
        "first.inputs.labels": (f"{tmp_path}/labels.csv",),
        "adding.inputs.model": ("x", "y"),
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[a]", "a file of inputs must be a mapping of URIs by NODE.INPUT"),
        ("first.model: 1", "first.model: expected a URI, or a list of URIs"),
        ("first.model: []", "first.model: expected a URI, or a list of URIs"),
        ("first: {modl: a}", "first.modl: there is no input 'first.modl'"),
        ("first.model: a\nfirst: {model: b}", "first.model is given twice"),
        ("first.model: [", "expected"),
    ],
)
def test_a_bad_file_of_inputs_is_an_error_with_its_place(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "inputs.yaml"
    file.write_text(content)
    diagnostics = Diagnostics()
    input_option.files(load_text(TEXT).choose(), [], str(file), {}, diagnostics)
    (found,) = diagnostics.found
    assert message in found.message
    assert found.span is not None
    assert found.span.file == "inputs.yaml"


def test_data_of_loom_is_given_by_its_name() -> None:
    text = "data: {raw: {type: csv, path: a.csv}}\npipeline: [{name: s, task: s.py, inputs: {x: $raw}}]\n"
    values, found = files("raw=b.csv", text=text)
    assert (values, found) == ({"data.raw": "b.csv"}, [])


def test_no_parameter_can_have_the_name_of_an_input_in_a_form() -> None:
    check(
        TEXT.replace("{name: lr,", "{name: inputs.labels, #! error bad-name\n ").replace(
            "{name: model}", "{name: model} #! note required-input"
        )
    )
