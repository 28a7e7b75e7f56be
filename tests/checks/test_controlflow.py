"""Test the mistakes in control-flow graphs that are reported before a run."""

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
def rest(x: int, **kwargs): print(1)
def starred(*args): print(1)
@decorated
def hidden(**kwargs): print(1)
def gives(): set_parameter(kwargs=1)
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
    "a: {type: task, command: m.rest, next: success} #! warning unfilled-arguments",
    "a: {type: task, command: m.starred, next: success} #! warning unfilled-arguments",
    "a: {type: task, command: m.hidden, next: success}",
    "g: {type: task, command: m.gives, next: a}\na: {type: task, command: m.rest, next: success}",
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


def test_the_function_that_is_not_filled_is_named(project):
    file = project / "pipe.yaml"
    file.write_text(magnus("a: {type: task, command: m.rest, next: success}"))
    (found,) = load(file).diagnostics
    assert (
        found.message == "step 'a' calls rest (m.py:13) with **kwargs, which Magnus does not pass: the step will fail"
    )
    (project / "p.yaml").write_text("kwargs: 1\n")
    assert list(load(file, parameters=project / "p.yaml").diagnostics) == []
