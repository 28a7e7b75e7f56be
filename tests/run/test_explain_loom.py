"""Test ``translate explain`` for Loom's pipelines: loops, conditions and optional steps."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.dialects.controlflow.marks import magnus
from translator.cli import main

TEXT = """\
data: {raw: raw, made: output/made, out: output/out, sheet: output/sheet}
pipeline:
  - {name: each, task: s.py, loop: {over: $raw, into: $made}, inputs: {f: $loop_item}, outputs: {-o: $loop_output}}
  - {name: ask, kind: condition, predicate: non_empty, inputs: {data: $made}}
  - {name: way, kind: switch, condition: $ask, data: $made}
  - {name: use, task: s.py, inputs: {made: $way.then}, outputs: {-o: $sheet}}
  - {name: mourn, task: s.py, inputs: {made: $way.else}}
  - {name: extra, task: s.py, optional: true, inputs: {sheet: $sheet}}
  - group: turns
    multi_pass: {count: 2, condition: {script: s.py}}
    steps: [{name: turn, task: s.py, outputs: {-o: $out}}]
"""
Explain = Callable[..., dict]


@pytest.fixture
def explain(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Explain:
    file = tmp_path / "flow.yml"
    file.write_text(TEXT)
    (tmp_path / "s.py").touch()

    def run(*arguments: str) -> dict:
        assert main(["explain", str(file), "--format", "json", *arguments]) == 0
        return json.loads(capsys.readouterr().out)

    return run


def states(explanation: dict) -> dict[str, str]:
    return {name: "/".join(node["states"]) for name, node in explanation["nodes"].items()}


def test_conditions_are_assumed_to_let_most_steps_run(explain: Explain) -> None:
    found = explain()
    assert {name for name, state in states(found).items() if state != "complete"} == {"mourn", "extra"}
    assert [note.rpartition(";")[2].strip() for note in found["notes"]] == [
        "assuming 1 file for each",
        "assuming true (--assume)",
        "assuming false (--assume)",
    ]


def test_the_result_of_a_condition_can_be_set(explain: Explain) -> None:
    found = explain("--assume", "ask=false", "--assume", "turns_stop_iter0=TRUE")
    skipped = {name for name, state in states(found).items() if state == "skipped"}
    assert {"use", "turn_iter1", "turns_stop_iter1"} <= skipped
    assert "mourn" not in skipped
    assert len(found["notes"]) == 1


def test_a_failing_item_of_a_loop(explain: Explain) -> None:
    found = explain("--fail", "each[2]")
    assert [execution["states"] for execution in found["nodes"]["each"]["executions"]] == [
        ["complete"],
        ["complete"],
        ["error"],
    ]
    assert {name for name, state in states(found).items() if state == "complete"} >= {"turn_iter0", "turns"}
    assert states(found)["ask"] == "skipped"


def test_an_optional_step_by_a_value(explain: Explain) -> None:
    assert states(explain("--param", "include.extra=true"))["extra"] == "complete"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("aks=true", "did you mean 'ask'?"),
        ("use=true", "there is no condition called 'use'"),
        ("ask", "expected CONDITION=true"),
        ("ask=yes", "expected CONDITION=true"),
    ],
)
def test_invalid_assumptions_are_errors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    (tmp_path / "flow.yml").write_text(TEXT)
    (tmp_path / "s.py").touch()
    assert main(["explain", str(tmp_path / "flow.yml"), "--assume", text]) == 2
    assert message in capsys.readouterr().err


def test_graphs_without_conditions_accept_no_assumption(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "p.yaml").write_text(magnus("a: {type: stub, next: success}"))
    assert main(["explain", str(tmp_path / "p.yaml"), "--assume", "a=true"]) == 2
    assert "there is no condition called 'a'" in capsys.readouterr().err
