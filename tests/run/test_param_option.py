"""Test how values of a run are typed, split and refused."""

from __future__ import annotations

import pytest

from translator.cli import param_option
from translator.diagnostics import Diagnostics
from translator.load import load_text

TEXT = """\
- step:
    name: s
    image: i
    command: c
    parameters:
      - {name: n, type: integer, default: 1, min: 0, max: 9}
      - {name: f, type: float, default: 0.5}
      - {name: text, type: string, default: a}
      - {name: switch, type: flag, default: false}
      - {name: level, type: integer, default: 1}
      - {name: many, type: string, multiple: repeat, default: [a, b]}
      - {name: a=b, type: string, default: a}
- pipeline:
    name: P
    parameters:
      - {name: p, default: 3, targets: [one.parameter.n]}
      - {name: list, default: [3], targets: [grid.parameter.n]}
      - {name: none, targets: [one.parameter.f]}
      - {name: both, default: 3, targets: [one.parameter.level, grid.parameter.level]}
    nodes:
      - {name: one, type: execution, step: s}
      - {name: grid, type: task, step: s}
    edges: []
"""


def read(*texts):
    diagnostics = Diagnostics()
    return param_option.values(load_text(TEXT).choose(), texts, diagnostics), [
        f"{d.message} {d.hint or ''}" for d in diagnostics
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("p=4", 4),
        ("both=4", 4),  # one value for an execution node is one for a grid
        ("one.f=2", 2),
        ("one.text=a, b,c", "a, b,c"),
        ("one.text=", ""),
        ("one.text=[1, 2]", "[1, 2]"),
        ("one.text=x=y", "x=y"),
        ("one.a=b=c", "c"),
        ("one.switch=true", True),
        ("one.many=x,y", ("x", "y")),
        ('one.many="x,y",z', ("x,y", "z")),
        ('one.many=["x,y", "z"]', ("x,y", "z")),
        ("grid.f=1,2.5", (1, 2.5)),
        ("grid.f=1", (1,)),
        ("grid.text=-1,é b", ("-1", "é b")),
        ('grid.text="a\nb",c', ("a\nb", "c")),
        ('grid.many=[["x"], ["y", "z"]]', (("x",), ("y", "z"))),
        ("list=1,2", (1, 2)),
        ("list=[1, 2]", (1, 2)),
        ("none=0.25", 0.25),
    ],
)
def test_values(text, expected):
    values, complaints = read(text)
    assert complaints == []
    (value,) = values.values()
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("texts", "complaint"),
    [
        (["p"], "expected NAME=VALUE"),
        (["p=x"], "not an integer"),
        (["p=10"], "10"),
        (["p=1", "p=2"], "set twice"),
        (["pp=1"], "did you mean 'p'?"),
        (["one.txt=1"], "did you mean 'one.text'?"),
        (["one.n=1"], "the pipeline parameter 'p' sets this parameter use --param p=..."),
        (["grid.f="], "expected at least one value"),
        (["list=1,x"], "x is not an integer"),
        (["both=1,2"], "expected one value, because it sets one.level"),
        (["grid.f=[1, 2"], "not valid JSON"),
        (["grid.text=a\nb,c"], "--param grid.text: not valid values: write them as a JSON list"),
        ([f"grid.text={'x' * 200_000}"], "--param grid.text: not valid values: write them as a JSON list"),
        (["grid.f=[1, null]"], "a list of values cannot contain null"),
        ([f"grid.f={'[' * 101}1{']' * 101}"], "--param grid.f: it is nested deeper than 100"),
        ([f"list={'[' * 99_999}"], "--param list: it is nested deeper than 100"),
    ],
)
def test_refusals(texts, complaint):
    _, complaints = read(*texts)
    assert len(complaints) == 1
    assert complaint in complaints[0]


def test_all_problems_are_reported_at_once():
    assert len(read("p=x", "nobody=1", "list=")[1]) == 3


@pytest.mark.parametrize(("depth", "said"), [(100, []), (101, ["--param x: it is nested deeper than 100"])])
def test_parameters_of_control_flow_graphs_are_not_nested_too_deep(depth, said):
    pipeline = load_text(
        "dag: {start_at: s, steps: {s: {type: stub, next: e}, e: {type: success}, f: {type: fail}}}", "x.yaml"
    )
    diagnostics = Diagnostics()
    param_option.values(pipeline.choose(), [f"x={'[' * depth}1{']' * depth}"], diagnostics)
    assert [d.message for d in diagnostics] == said


@pytest.mark.parametrize("value", [str(2**63), f'{{"a": [{2**63}]}}'])
def test_parameters_of_control_flow_graphs_are_numbers_that_engines_store(value):
    pipeline = load_text(
        "dag: {start_at: s, steps: {s: {type: stub, next: e}, e: {type: success}, f: {type: fail}}}", "x.yaml"
    )
    diagnostics = Diagnostics()
    param_option.values(pipeline.choose(), [f"x={value}"], diagnostics)
    assert ["more than 64 bits" in d.message for d in diagnostics] == [True]
