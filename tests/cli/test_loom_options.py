"""Test the options for Loom's pipelines: those of its own command line, and values of a run."""

from pathlib import Path

import pytest

from translator.cli import main, param_option
from translator.diagnostics import Diagnostics
from translator.load import load

TEXT = """\
data: {raw: raw.csv, out: output/out.csv, plot: output/plot.txt}
parameters: {size: 3, rate: 0.5, deep: false, word: a, gate: true, level: 1}
pipeline:
  - name: make
    task: m.py
    inputs: {raw: $raw}
    outputs: {-o: $out}
    args: {--size: $size, --rate: $rate, --deep: $deep, --word: $word}
  - {name: way, kind: switch, condition: $gate, data: $out}
  - {name: high, kind: switch, condition: $level, data: $out}
  - {name: use, task: m.py, inputs: {out: $way.then}}
  - {name: see, task: m.py, inputs: {out: $high.then}}
  - {name: plot, task: m.py, optional: true, inputs: {out: $out}, outputs: {-o: $plot}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "flow.yml"
    path.write_text(TEXT)
    for name in ("m.py", "raw.csv"):
        (tmp_path / name).touch()
    return path


@pytest.mark.parametrize("target", ["airflow", "prefect"])
def test_choices_apply_to_the_generated_file(file: Path, capsys, target: str):
    choices = ["--step", "make", "--set", "size=7", "word=b", "--var", "raw=other.csv", "--extra=--fast"]
    assert main([str(file), "--target", target, *choices]) == 0
    text = capsys.readouterr().out
    default = "Param(7" if target == "airflow" else "size: int = 7"
    for expected in (default, '"other.csv"', 'extra=["--fast"]', '"--word": "b"'):
        assert expected in text
    assert '"plot"' not in text


@pytest.mark.parametrize("command", [["check"], ["explain"], []])
@pytest.mark.parametrize(
    ("choices", "message"),
    [
        (["--step", "maek"], "did you mean 'make'?"),
        (["--from", "uze"], "did you mean 'use'?"),
        (["--include", "plott"], "did you mean 'plot'?"),
        (["--group", "x"], "there is no group 'x'"),
        (["--set", "sise=1"], "did you mean 'size'?"),
        (["--var", "rw=1"], "did you mean 'raw'?"),
        (["--set", "size"], "expected NAME=VALUE"),
        (["--extra=--fast"], "--extra needs one --step"),
        (["--step", "make", "--from", "use"], "--from cannot be combined with --step"),
        (["--step", "make", "--group", "g"], "--group cannot be combined with --step"),
        (["--parallel", "--sequential"], "not allowed with argument --parallel"),
        (["--grid", "make.--size=1,2"], "'loop' repeats a step for each file"),
        (["--max-workers", "0"], "'0' is not a number of at least 1"),
    ],
)
def test_an_invalid_choice_is_an_error(file: Path, capsys, command: list[str], choices: list[str], message: str):
    target = [] if command else ["--target", "airflow"]
    assert main([*command, str(file), *target, *choices]) == 2
    assert message in capsys.readouterr().err


def test_options_may_be_given_again(file: Path, capsys):
    assert main(["explain", str(file), "--step", "make", "--step", "use", "plot", "--format", "json"]) == 0
    listed = capsys.readouterr().out
    assert '"see"' not in listed
    assert all(f'"{name}"' in listed for name in ("make", "use", "plot"))


def test_other_dialects_have_no_such_choices(tmp_path: Path, capsys):
    path = tmp_path / "valohai.yaml"
    path.write_text("- step: {name: a, image: i, command: c}")
    assert main(["check", str(path), "--in-place"]) == 2
    assert "its own working directory" in capsys.readouterr().err


def read(file: Path, *texts: str) -> tuple[dict, list[str]]:
    found = Diagnostics()
    return param_option.values(load(file).choose(), texts, found), [f"{d.message} {d.hint or ''}" for d in found]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("size=5", 5),
        ("rate=2", 2),
        ("deep=true", True),
        ("word=5", "5"),
        ("word=a,b", "a,b"),
        ("gate=false", False),
        ("gate=0", False),
        ("level=0", 0),
        ("include.plot=true", True),
        ("include.plot=no", False),
        ("data.raw=in/other.csv", "in/other.csv"),
    ],
)
def test_values_are_typed_by_the_file(file: Path, text: str, value: object):
    values, complaints = read(file, text)
    assert complaints == []
    assert list(values.values()) == [value]
    assert type(next(iter(values.values()))) is type(value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("include.plot=maybe", "include.plot"),
        ("include.polt=true", "did you mean 'include.plot'?"),
        ("include.make=true", "there is no parameter 'include.make'"),
        ("gate=perhaps", "gate"),
        ("level=high", "not an integer"),
        ("size=0.5", "not an integer"),
        ("data.raww=x", "did you mean 'data.raw'?"),
        ("make.--size=5", "use --param size=..."),
    ],
)
def test_invalid_values_are_errors(file: Path, text: str, complaint: str):
    _, complaints = read(file, text)
    assert len(complaints) == 1
    assert complaint in complaints[0]
