"""What can be known of a control-flow graph before it runs."""

from pathlib import Path

import pytest

from tests.dialects.controlflow.marks import branch, check, magnus, runnable
from translator.load import load

S = "s: {type: stub, next: success}"
MODULE = """
from magnus import set_parameter
from pydantic import BaseModel

class Out(BaseModel):
    X: int
    xs: list

def model(): return Out(X=1, xs=[])
def setter(): set_parameter(x=1)
def nothing(): print(1)
def dynamic(): return make()
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "m.py").write_text(MODULE)
    return tmp_path


def task(function: str) -> str:
    return branch(f"s: {{type: task, command: m.{function}, next: success}}")


def sh(command: str) -> str:
    return branch(f"s: {{type: task, command_type: shell, command: '{command}', next: success}}")


def two(one: str, other: str, mark: str = "") -> str:
    return f"a: {{type: parallel, next: success, branches: {{b: {one}, c: {other}}}}} {mark}"


PUT = branch("s: {type: stub, catalog: {put: [m.pkl]}, next: success}")
DYNAMIC = f"""
g: {{type: task, command: m.dynamic, next: a}}
a: {{type: map, iterate_on: q, iterate_as: x, next: success, branch: {branch(S)}}}
"""
CASES = [
    two(task("model"), task("setter"), "#! warning parameter-race"),
    two(task("model"), task("nothing")),
    two(task("setter"), sh("export MAGNUS_PRM_x=1"), "#! warning parameter-race"),
    two(sh("export MAGNUS_PRM_x=1"), sh("export MAGNUS_PRM_y=1")),
    two(PUT, PUT, "#! warning file-race"),
    f"a: {{type: map, iterate_on: xs, iterate_as: x, next: success, branch: {branch(S)}}} #! warning unknown-parameter",
    DYNAMIC,
    "a: {type: stub, catalog: {get: [x]}, next: success} #! warning empty-catalog",
]


@pytest.mark.parametrize("steps", CASES)
def test_magnus(steps, project):
    check(magnus(steps, start=steps.strip()[0]), "magnus", project)


def test_returns_race():
    one = "{start_at: s, steps: {s: {type: task, command: m.f, returns: [{name: x}], next: success}}}"
    check(runnable(two(one, one, "#! warning parameter-race")), "runnable")


def test_nested_maps_name_their_items_apart():
    inner = f"{{type: map, iterate_on: xs, iterate_as: x, next: success, branch: {branch(S)}}} #! error repeated-item"
    text = f"""
g: {{type: task, command_type: shell, command: 'export MAGNUS_PRM_xs="[1]"', next: a}}
a:
  type: map
  iterate_on: xs
  iterate_as: x
  next: success
  branch:
    start_at: i
    steps:
      i: {inner}
      success: {{type: success}}
      fail: {{type: fail}}
"""
    check(magnus(text, start="g"), "magnus")


@pytest.mark.parametrize(("values", "codes"), [("[1]", []), ("[0.5]", ["bad-items"]), ("5", ["bad-items"])])
def test_items_that_are_known(values, codes, project):
    file = project / "pipe.yaml"
    file.write_text(magnus(f"a: {{type: map, iterate_on: xs, iterate_as: x, next: success, branch: {branch(S)}}}"))
    (project / "p.yaml").write_text(f"xs: {values}")
    assert [d.code for d in load(file, parameters=project / "p.yaml").diagnostics] == codes
