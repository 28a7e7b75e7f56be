"""Test that runnable's files become control-flow graphs, or are rejected as the engine rejects them."""

import pytest

from tests.dialects.controlflow.marks import check, runnable
from translator import ir
from translator.ir import End, Outcome
from translator.load import load_text

B = "{start_at: s, steps: {s: {type: stub, next: success}}}"


def test_ends_are_implicit():
    (node,) = check(runnable("a: {type: stub, next: success}"), "runnable").choose().nodes
    assert [route.target for route in node.policy.routes] == [End(Outcome.COMPLETE), End(Outcome.ERROR)]


def test_ends_may_be_written_out():
    text = runnable("a: {type: stub, next: success}\nsuccess: {type: success}\nfail: {type: fail}")
    assert len(check(text, "runnable").choose().nodes) == 1


def test_a_task_returns_values_and_takes_secrets():
    text = """
a:
  type: task
  command: m.f
  returns: [{name: x}, {name: y, kind: metric}, {name: z, kind: object}]
  secrets: [KEY]
  catalog: {put: [a.txt], store_copy: no}
  next: success
"""
    (node,) = check(runnable(text), "runnable").choose().nodes
    assert node.step.returns == (ir.Return("x"), ir.Return("y", "metric"), ir.Return("z", "object"))
    assert node.step.secrets == ("KEY",)
    assert node.step.catalog == ir.Catalog((), ("a.txt",), copy=False)


def test_composite_nodes():
    text = f"""
a: {{type: map, iterate_on: xs, iterate_as: x, reducer: "lambda *x: max(x)", next: b, branch: {B}}}
b: {{type: conditional, parameter: choice, next: c, branches: {{heads: {B}, "1": {B}}}}}
c: {{type: loop, max_iterations: 3, break_on: done, index_as: i, next: success, branch: {B}}}
"""
    mapped, choice, loop = load_text(runnable(text), dialect="runnable").choose().nodes
    assert isinstance(mapped, ir.MapNode)
    assert mapped.reducer == "lambda *x: max(x)"
    assert isinstance(choice, ir.ChoiceNode)
    assert (choice.on, list(choice.cases)) == ("choice", ["heads", "1"])
    assert isinstance(loop, ir.LoopNode)
    assert (loop.until, loop.limit, loop.index) == ("done", 3, "i")


def test_values_of_tasks_are_read_as_runnable_reads_them():
    (node,) = load_text(runnable("a: {type: task, command: true, next: success}"), dialect="runnable").choose().nodes
    assert node.step.command == ("1",)


STUB = "{type: stub, next: success}"
OBJECT = "returns: [{name: x, kind: object}]"
CHOICE = "a: {type: conditional, parameter: c, "
STEPS = [
    "a: {type: stub, next: done}\ndone: {type: success} #! error two-ends",
    f"a: {STUB}\nsuccess: {{type: stub, next: fail}} #! warning replaced-step; warning unreachable-node",
    "a: {type: task, command: m.f, returns: [x], next: success} #! error bad-value",
    "a: {type: task, command: m.f, returns: [{name: x, kind: jsno}], next: success} #! error bad-value",
    "a: {type: task, command: m.f, returns: null, next: success} #! error bad-value",
    f"a: {{type: task, command_type: shell, command: x, {OBJECT}, next: success}} #! error bad-value",
    "a: {type: task, command_type: async-python, command: m.f, next: success} #! error unsupported-async-python",
    "a: {type: dag, dag_definition: x.yaml, next: success} #! error unknown-type",
    "a: {type: as-is, next: success} #! error unknown-type",
    "a: {type: task, command: m.f, retry: 3, next: success} #! error unknown-key",
    f"a: {{type: conditional, parameter: my_choice, next: success, branches: {{x: {B}}}}} #! error bad-name",
    f"a: {{type: conditional, parameter: c, next: success, branches: {{1: {B}}}}} #! error bad-name",
    f"{CHOICE} default: {B}, next: success, branches: {{x: {B}}}}} #! warning ignored-default",
    f"a: {{type: loop, max_iterations: x, break_on: d, index_as: i, next: success, branch: {B}}} #! error bad-value",
    f"a: {{type: loop, max_iterations: 0, break_on: d, index_as: i, next: success, branch: {B}}} #! warning bad-limit",
    f"a: {{type: loop, max_iterations: 1, break_on: d, next: success, branch: {B}}} #! error missing-key",
]


@pytest.mark.parametrize("steps", STEPS)
def test_steps(steps):
    check(runnable(steps), "runnable")
