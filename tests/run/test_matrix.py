"""Test ``translate run --matrix``: its values, its runs and their summary."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.parity.engines import ENGINES, python_of
from translator.cli import main, matrix_option
from translator.diagnostics import Diagnostics
from translator.load import load_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TEXT = """\
- step:
    name: work
    image: i
    command: sh work.sh {parameter-value:n}
    parameters:
      - {name: n, type: integer, default: 0, max: 9}
      - {name: text, type: string, default: a}
      - {name: many, type: string, multiple: repeat, default: [a]}
- pipeline:
    name: Work
    parameters:
      - {name: p, default: 3, targets: [one.parameter.n]}
      - {name: list, default: [3], targets: [grid.parameter.n]}
    nodes:
      - {name: one, type: execution, step: work}
      - {name: grid, type: task, step: work, on-error: stop-next}
    edges:
      - [one.dependency.*, grid.dependency.*]
"""


def points(*texts: str, known: tuple[str, ...] = ()) -> tuple[list[Mapping[str, Any]], list[str]]:
    found = Diagnostics()
    listed = matrix_option.combinations(load_text(TEXT).choose(), texts, known, found)
    return [dict(one) for one in listed], [f"{one.message} {one.hint or ''}".strip() for one in found]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ((), [{}]),
        (("p=1,2",), [{"p": 1}, {"p": 2}]),
        (("p=1,2", "one.text=x,y"), [{"p": p, "one.text": text} for p in (1, 2) for text in "xy"]),
        (('one.text="x,y",z',), [{"one.text": "x,y"}, {"one.text": "z"}]),
        (('one.text=["x", "1"]',), [{"one.text": "x"}, {"one.text": "1"}]),
        (("list=1,2",), [{"list": (1,)}, {"list": (2,)}]),  # each run has a grid with one point
        (("list=[[1, 2], [3]]",), [{"list": (1, 2)}, {"list": (3,)}]),
        (('one.many=["x,y", ["z", "w"]]',), [{"one.many": ("x,y",)}, {"one.many": ("z", "w")}]),
    ],
)
def test_combinations(texts: tuple[str, ...], expected: list[dict[str, Any]]) -> None:
    assert points(*texts) == (expected, [])


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (("p",), "--matrix p: expected NAME=VALUE,VALUE or NODE.PARAMETER=VALUE,VALUE"),
        (("p=",), "--matrix p=: expected NAME=VALUE,VALUE or NODE.PARAMETER=VALUE,VALUE"),
        (("q=1,2",), "--matrix q: there is no parameter 'q'"),
        (("p=1,x",), "--matrix p: "),
        (("p=1,2,1",), "--matrix p has the value 1 twice"),
        (("p=[1",), "--matrix p: not valid JSON"),
        (("one.text=a\nb,c",), "--matrix one.text: not valid values: write them as a JSON list"),
        (("p=1", "p=2"), "--matrix p is set twice separate values with commas"),
        (("one.n=1,2",), "--matrix one.n: the pipeline parameter 'p' sets this parameter use --matrix p=..."),
        (("one.text=a",), "--matrix one.text: --param sets this parameter, too"),
        ((f"one.text={','.join(map(str, range(40)))}", f"grid.text={','.join(map(str, range(40)))}"), "1600 runs"),
    ],
)
def test_bad_combinations(texts: tuple[str, ...], message: str) -> None:
    listed, (found,) = points(*texts, known=("one.text",) if texts == ("one.text=a",) else ())
    assert message in found
    assert listed == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--matrix", "p=1,2", "--resume", "x"), "use either --matrix or --resume"),
        (("--format", "json"), "--format json is the summary of --matrix"),
    ],
)
def test_bad_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    (tmp_path / "valohai.yaml").write_text(TEXT)
    assert main(["run", str(tmp_path / "valohai.yaml"), *arguments]) == 2
    assert message in capsys.readouterr().err


# The other engine takes twice as long for the same code: its runs are tests/run/test_run.py's.
@pytest.fixture(params=ENGINES[1:])
def engine(request: pytest.FixtureRequest) -> str:
    if not python_of(request.param).exists():
        pytest.skip(f"no environment with {request.param}")
    return str(request.param)


def test_a_failed_run_does_not_stop_the_others(engine: str, tmp_path: Path) -> None:
    (tmp_path / "valohai.yaml").write_text(TEXT)
    (tmp_path / "work.sh").write_text('[ "$1" != 7 ] || exit 3\necho "{\\"score\\": $1}"\n')
    command = [str(python_of(engine).with_name("translate")), "run", str(tmp_path / "valohai.yaml"), "--target", engine]
    options = ["--matrix", "p=7,8", "--store", str(tmp_path / "store"), "--format", "json", "-j", "2"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    document = json.loads(done.stdout)
    assert document["pipeline"] == "Work"
    bad, good = document["runs"]
    assert (bad["parameters"], bad["state"], bad["metrics"]) == ({"p": 7}, "error", {})
    assert (good["parameters"], good["state"], good["metrics"]) == ({"p": 8}, "complete", {"one.score": 8})
    assert {path.parent.name for path in (tmp_path / "store").glob("*/*/run.json")} == {bad["run"], good["run"]}
    assert f"p=7: started, run {bad['run']}\n" in done.stderr
    assert "p=7: error: " in done.stderr
    assert "p=8: complete\n" in done.stderr
