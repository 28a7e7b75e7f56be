"""Test ``--grid NODE.PARAM=V,V``, which turns an execution node into a task node."""

import pytest

from translator import ir
from translator.cli.grid_option import GridOptionError, with_grids, with_tries
from translator.load import load_text

TEXT = """\
- step:
    name: s
    image: i
    command: x
    parameters:
      - {name: lr, type: float, default: 1}
      - {name: n, type: integer, default: 2}
      - {name: text}
      - {name: flag, type: flag}
      - {name: many, type: integer, multiple: repeat, default: [1]}
      - {name: a.b=c}
- task: {name: blue, step: s, parameters: [{name: lr, style: multiple, rules: {items: [1, 2]}}]}
- task: {name: manual, step: s, type: manual_search, parameter-sets: [{lr: 1, n: 2}]}
- pipeline:
    name: P
    nodes:
      - {name: one, type: execution, step: s, on-error: retry}
      - {name: o.ne, type: execution, step: s}
      - {name: grid, type: task, task: blue}
      - {name: manual, type: task, task: manual}
    edges: []
"""


def pipeline() -> ir.Pipeline:
    return load_text(TEXT).choose()


def grid(name: str, *options: str) -> ir.Grid:
    node = next(n for n in with_grids(pipeline(), options).nodes if n.name == name)
    assert isinstance(node, ir.TaskNode)
    return node.grid


GRIDS = [
    ("one", ["one.lr=0.1,1"], {"lr": (0.1, 1.0)}),
    ("one", ["one.lr=0.1", "one.n=3,4"], {"lr": (0.1,), "n": (3, 4)}),
    ("one", ['one.text=a,"b, c",,"d ""e"""'], {"text": ("a", "b, c", "", 'd "e"')}),
    ("one", ["one.text=--x,a=b"], {"text": ("--x", "a=b")}),
    ("one", ["one.text=a\nb,c"], {"text": ("a\nb", "c")}),
    ("one", ["one.flag=true,false"], {"flag": (True, False)}),
    ("one", ["one.many=1,2"], {"many": ((1,), (2,))}),
    ("one", ["one.a.b=c=x,y"], {"a.b=c": ("x", "y")}),
    ("o.ne", ["o.ne.n=1,2"], {"n": (1, 2)}),
    ("grid", ["grid.lr=5"], {"lr": (5.0,)}),
    ("grid", ["grid.n=5,6"], {"lr": (1.0, 2.0), "n": (5, 6)}),
]


@pytest.mark.parametrize(("node", "options", "axes"), GRIDS)
def test_grids(node, options, axes):
    assert {axis.parameter: axis.values for axis in grid(node, *options).axes} == axes


def test_everything_else_stays():
    before, after = pipeline(), with_grids(pipeline(), ["one.n=1,2"])
    one = after.nodes[0]
    assert isinstance(one, ir.TaskNode)
    assert isinstance(before.nodes[0], ir.ExecutionNode)
    assert (one.step, one.policy, one.span) == (before.nodes[0].step, before.nodes[0].policy, before.nodes[0].span)
    assert after.nodes[1:] == before.nodes[1:]
    assert with_grids(before, []) is before


def test_the_sets_of_a_manual_search_stay():
    assert len(grid("manual", "manual.text=a,b").points) == 1
    with pytest.raises(GridOptionError, match="manual search"):
        grid("manual", "manual.lr=1")


def test_tries():
    one, other, *_ = with_tries(pipeline(), 7).nodes
    assert (one.policy.tries, other.policy.tries) == (7, 1)
