"""Whatever a file holds, what comes back is diagnostics, never a traceback."""

import copy

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.dialects.routed.marks import branch, magnus, runnable
from tests.dialects.valohai.test_hostile import ODD, mutate, paths
from translator import diagnostics
from translator.load import load_text

S = "{type: stub, next: success}"
GOOD = {
    "magnus": magnus(
        f"""
a: {{type: task, command_type: shell, command: "export MAGNUS_PRM_xs='[1]'", next: p, on_failure: h}}
h: {{type: stub, next: p, max_attempts: 1, overrides: {{argo: x}}}}
p:
  type: parallel
  next: m
  branches: {{x: {branch(f"s: {S}")}, y: {branch("s: {type: task, command: m.f, next: success}")}}}
m: {{type: map, iterate_on: xs, iterate_as: x, next: success, branch: {branch(f"s: {S}")}}}
"""
    ),
    "runnable": runnable(
        """
a: {type: task, command: m.f, returns: [{name: xs}], secrets: [K], catalog: {put: [x], store_copy: true}, next: c}
c: {type: conditional, parameter: xs, next: l, branches: {x: {start_at: s, steps: {s: {type: stub, next: success}}}}}
l:
  type: loop
  max_iterations: 2
  break_on: d
  index_as: i
  next: success
  branch: {start_at: s, steps: {s: {type: stub, next: fail}}}
"""
    ),
}
TREES = {name: yaml.safe_load(text) for name, text in GOOD.items()}
PATHS = {name: [path for path in paths(tree) if path] for name, tree in TREES.items()}


@pytest.mark.parametrize("dialect", GOOD)
@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_mutated_files(dialect, data):
    tree = copy.deepcopy(TREES[dialect])
    for _ in range(data.draw(st.integers(0, 3))):
        how = data.draw(st.sampled_from(("replace", "delete", "rename")))
        mutate(tree, data.draw(st.sampled_from(PATHS[dialect])), data.draw(ODD), how)
    loaded = load_text(yaml.dump(tree, sort_keys=False), dialect=dialect)
    diagnostics.text(loaded.diagnostics, loaded.sources)
    assert loaded.diagnostics.ok == bool(loaded.pipelines) or not loaded.names


def test_aliases_that_multiply_stop():
    lines = ["g0: &g0 {start_at: s, steps: {s: {type: stub, next: success}}}"]
    for n in range(1, 20):
        step = f"{{type: parallel, next: success, branches: {{a: *g{n - 1}, b: *g{n - 1}}}}}"
        lines.append(f"g{n}: &g{n} {{start_at: s, steps: {{s: {step}}}}}")
    loaded = load_text("\n".join([*lines, "dag: *g19"]))
    assert [d.code for d in loaded.diagnostics] == ["alias-bomb"]
