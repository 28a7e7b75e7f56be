"""Test that Magnus's files become control-flow graphs, or are rejected as the engine rejects them."""

from pathlib import Path

import pytest

from tests.dialects.controlflow.marks import branch, check, found, magnus
from translator import ir
from translator.diagnostics import Severity
from translator.ir import End, Outcome, Route, StepKind
from translator.load import load, load_text

S = "{type: stub, next: success}"


def routes(node):
    return {route.outcome.value: route.target for route in node.policy.routes}


def test_a_chain():
    pipeline = check(magnus("a: {type: stub, next: b}\nb: {type: stub, next: success}"), "magnus").choose()
    assert (pipeline.name, pipeline.dialect, pipeline.graph.start) == ("pipe", "magnus", "a")
    first, second = pipeline.nodes
    assert first.policy.routes == (Route(Outcome.COMPLETE, "b"), Route(Outcome.ERROR, End(Outcome.ERROR)))
    assert routes(second) == {"complete": End(Outcome.COMPLETE), "error": End(Outcome.ERROR)}
    assert first.step.kind is StepKind.STUB
    assert first.span.line == 4


def test_failures_follow_the_routes_of_the_file():
    text = """
a: {type: task, command_type: shell, command: exit 1, next: b, on_failure: h}
b: {type: stub, next: fail}
h: {type: task, command: m.f, next: b, on_failure: success}
"""
    nodes = {node.name: node for node in check(magnus(text), "magnus").choose().nodes}
    assert routes(nodes["a"]) == {"complete": "b", "error": "h"}
    assert routes(nodes["b"])["complete"] == End(Outcome.ERROR)
    assert routes(nodes["h"]) == {"complete": "b", "error": End(Outcome.COMPLETE)}
    assert (nodes["a"].step.kind, nodes["a"].step.command) == (StepKind.SHELL, ("exit 1",))
    assert (nodes["h"].step.kind, nodes["h"].step.command) == (StepKind.PYTHON, ("m.f",))


def test_ends_have_any_name():
    ends = "all done: {type: success}\nbroken: {type: fail}"
    (node,) = check(magnus("a: {type: stub, next: all done, on_failure: broken}", ends=ends), "magnus").choose().nodes
    assert routes(node) == {"complete": End(Outcome.COMPLETE), "error": End(Outcome.ERROR)}


@pytest.mark.parametrize("language", ["magnus", "runnable"])
def test_keys_that_the_engines_export_must_have_their_values(language):
    text = """
a: {type: stub, name: a, next: b}
b: {type: task, name: b, is_composite: false, command_type: shell, command: "true", next: c}
c: {type: parallel, name: c, is_composite: true, next: d, branches: {x: %s}}
d: {type: stub, name: e, next: f} #! error unknown-key
f: {type: task, is_composite: true, command_type: shell, command: "true", next: g} #! error unknown-key
g: {type: parallel, node_name: h, next: success, branches: {x: %s}} #! error unknown-key
"""
    check(magnus(text % (branch(f"s: {S}"), branch(f"s: {S}"))), language)


def test_composite_nodes_nest():
    inner = branch(f"s: {{type: map, iterate_on: xs, iterate_as: x, next: success, branch: {branch(f's: {S}')}}}")
    text = f"""
a:
  type: parallel
  next: success
  branches:
    one way: {inner} #! warning unknown-parameter
    other: {branch(f"s: {S}")}
"""
    (node,) = check(magnus(text), "magnus").choose().nodes
    assert isinstance(node, ir.ParallelNode)
    assert list(node.branches) == ["one way", "other"]
    (inside,) = node.branches["one way"].nodes
    assert isinstance(inside, ir.MapNode)
    assert (inside.over, inside.item, inside.reducer, inside.body.start) == ("xs", "x", None, "s")


def test_a_dag_step_reads_another_file(tmp_path: Path):
    (tmp_path / "m.py").write_text("def f(): print(1)")
    (tmp_path / "sub.yaml").write_text(magnus("a: {type: task, command: m.f, next: success}"))
    text = magnus("a: {type: dag, dag_definition: sub.yaml, next: success}")
    (node,) = check(text, "magnus", tmp_path).choose().nodes
    assert isinstance(node, ir.ParallelNode)
    assert list(node.branches) == ["dag"]
    assert node.branches["dag"].nodes[0].span.place == "sub.yaml:4"


def test_what_is_wrong_in_another_file_is_shown_there(tmp_path: Path):
    (tmp_path / "sub.yaml").write_text(magnus("a: {type: stub, next: sucess}"))
    (tmp_path / "pipe.yaml").write_text(magnus("a: {type: dag, dag_definition: sub.yaml, next: success}"))
    loaded = load(tmp_path / "pipe.yaml")
    (only,) = loaded.diagnostics
    assert str(only).startswith("sub.yaml:4:")
    assert only.hint == "did you mean 'success'?"
    assert loaded.sources["sub.yaml"].path == str(tmp_path / "sub.yaml")


def test_files_that_include_each_other(tmp_path: Path):
    for name, other in (("pipe.yaml", "sub.yaml"), ("sub.yaml", "pipe.yaml")):
        (tmp_path / name).write_text(magnus(f"a: {{type: dag, dag_definition: {other}, next: success}}"))
    assert [d.code for d in load(tmp_path / "pipe.yaml").diagnostics] == ["cycle"]


def test_files_that_multiply(tmp_path: Path):
    steps = "a: {type: dag, dag_definition: %s, next: b}\nb: {type: dag, dag_definition: %s, next: success}"
    for number in range(12):
        name = f"f{number}.yaml"
        below = f"f{number + 1}.yaml"
        (tmp_path / name).write_text(magnus(steps % (below, below)))
    (tmp_path / "f12.yaml").write_text(magnus(f"a: {S}"))
    assert "too-many-files" in {d.code for d in load(tmp_path / "f0.yaml").diagnostics}


def test_a_task_keeps_all_its_keys():
    text = """
a:
  type: task
  command_type: notebook
  command: nb/x.ipynb
  notebook_output_path: out.ipynb
  optional_ploomber_args: {debug: true, cells: [1]}
  catalog: {get: ["data/*"], put: [model.pkl, "**/*.csv"]}
  next: success
"""
    (node,) = load_text(magnus(text), dialect="magnus").choose().nodes
    assert node.step.kind is StepKind.NOTEBOOK
    assert node.step.catalog == ir.Catalog(("data/*",), ("model.pkl", "**/*.csv"))
    assert node.step.options == {
        "notebook_output_path": "out.ipynb",
        "optional_ploomber_args": {"debug": True, "cells": (1,)},
    }


def test_a_graph_that_starts_at_its_end():
    text = magnus(f"a: {S}", start="fail").replace("start_at: fail", "start_at: fail #! warning starts-at-end")
    pipeline = check(text, "magnus").choose()
    end = next(node for node in pipeline.nodes if node.name == pipeline.graph.start)
    assert routes(end)["complete"] == End(Outcome.ERROR)


CIRCLE = """
a: {type: stub, next: success}
b: {type: stub, next: c} #! warning unreachable-node
c: {type: stub, next: b} #! error cycle; warning unreachable-node
"""
STEPS = [
    # targets, cycles, reach
    "a: {type: stub, next: zz} #! error unknown-node",
    "a: {type: stub, next: success, on_failure: zz} #! error unknown-node",
    "a: {type: stub, next: success, on_failure: a} #! error cycle",
    CIRCLE,
    f"a: {S}\nb: {{type: stub, next: success}} #! warning unreachable-node",
    # names
    f"a: {S}\n1: {S} #! error bad-name",
    f"a: {S}\nx.y: {S} #! error bad-name",
    f"a: {S}\nx%y: {S} #! error bad-name",
    f"a: {S}\n'*': {S} #! error bad-name",
    f"a: {{type: parallel, next: success, branches: {{b.1: {branch('s: ' + S)}}}}} #! error bad-name",
    f"a: {{type: parallel, next: success, branches: {{1: {branch('s: ' + S)}}}}} #! error bad-name",
    f"a: {{type: parallel, next: success, branches: {{'*': {branch('s: ' + S)}}}}} #! error bad-name",
    # keys
    "a: {next: success} #! error missing-key",
    "a: {type: stub} #! error missing-key",
    "a: {type: task, next: success} #! error missing-key",
    "a: {type: task, command: '', next: success} #! error bad-value",
    "a: {type: task, command: 5, next: success} #! error bad-value",
    "a: {type: task, command: m.f, comand_type: shell, next: success} #! error unknown-key",
    "a: {type: task, command: m.f, returns: [{name: x}], next: success} #! error unknown-key",
    "a: {type: task, command: m.f, name: x, next: success} #! error unknown-key",
    "a: {type: stub, name: x, next: success} #! error unknown-key",
    "a: {type: stub, what: is this, next: success}",
    "a: {type: task, command_type: shel, command: x, next: success} #! error unknown-type",
    "a: {type: task, command_type: container, command: x, next: success} #! error unsupported-container",
    "a: {type: task, command_type: notebook, command: x.py, next: success} #! error bad-value",
    "a: {type: stbu, next: success} #! error unknown-type",
    "a: {type: loop, next: success} #! error unknown-type",
    "a: [1] #! error bad-value",
    "a: {type: parallel, next: success, branches: {}} #! error bad-value",
    "a: {type: parallel, next: success} #! error missing-key",
    "a: {type: parallel, next: success, branches: {b: 1}} #! error bad-value",
    f"a: {{type: map, next: success, iterate_on: x, branch: {branch('s: ' + S)}}} #! error missing-key",
    # catalog
    "a: {type: stub, catalog: {compute_data_folder: d, put: [x]}, next: success} #! error unknown-key",
    "a: {type: stub, catalog: {put: x}, next: success} #! error bad-value",
    "a: {type: stub, catalog: {put: [/x]}, next: success} #! error bad-pattern",
    "a: {type: stub, catalog: null, next: success}",
    # what has no effect
    "a: {type: stub, max_attempts: 3, next: success} #! note ignored-max-attempts",
    "a: {type: stub, max_attempts: 0, next: success} #! error bad-value; note ignored-max-attempts",
    "a: {type: stub, overrides: {argo: x}, next: success} #! note ignored-overrides",
    "a: {type: as-is, catalog: {compute_data_folder: d}, next: success} #! note legacy-type",
    "a: {type: task, command: m.f, retry: 3, next: success} #! note legacy-key",
    # files
    "a: {type: dag, dag_definition: x.yml, next: success} #! error bad-value",
    "a: {type: dag, dag_definition: x.yaml, next: success} #! error missing-file",
]


@pytest.mark.parametrize("steps", STEPS)
def test_steps(steps, tmp_path: Path):
    (tmp_path / "m.py").write_text("def f(): print(1)")
    check(magnus(steps), "magnus", tmp_path)


@pytest.mark.parametrize(
    ("ends", "codes"),
    [
        ("", ["missing-end", "missing-end", "unknown-node"]),
        ("success: {type: success}", ["missing-end"]),
        ("success: {type: success}\nfail: {type: fail}\nother: {type: success}", ["two-ends"]),
        ("success: {type: success, next: a}\nfail: {type: fail}", ["unknown-key"]),
    ],
)
def test_each_graph_has_one_end_of_each_kind(ends, codes):
    loaded = load_text(magnus(f"a: {S}", ends=ends), dialect="magnus")
    assert sorted(d.code for d in loaded.diagnostics) == codes


@pytest.mark.parametrize(
    ("dag", "code"),
    [
        ("5", "bad-value"),
        ("{}", "missing-key"),
        ("{start_at: a, steps: null}", "bad-value"),
        (f"{{start_at: a, steps: {{b: {S}, success: {{type: success}}, fail: {{type: fail}}}}}}", "unknown-node"),
        (f"{{start_at: 1, steps: {{b: {S}, success: {{type: success}}, fail: {{type: fail}}}}}}", "bad-value"),
    ],
)
def test_graphs(dag, code):
    assert code in {d.code for d in load_text(f"dag: {dag}", dialect="magnus").diagnostics}


def test_all_problems_are_found_at_once():
    text = "a: {type: stub, next: zz}\nb: {type: nothing}\nc: {type: task, next: success}"
    loaded = load_text(magnus(text), dialect="magnus")
    errors = {code for _, code in found(loaded) if code.startswith(Severity.ERROR)}
    assert errors == {"error unknown-node", "error unknown-type", "error missing-key"}
