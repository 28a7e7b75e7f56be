"""Test which of the two languages is detected."""

import pytest

from tests.dialects.controlflow.marks import branch, magnus, runnable
from translator.load import load_text

S = "{type: stub, next: success}"
S2 = f"s: {S}"

FILES = [
    (magnus(f"a: {S}"), "magnus"),
    (runnable(f"a: {S}"), "runnable"),
    (runnable("a: {type: task, command_type: shell, command: 'export MAGNUS_PRM_x=1', next: success}"), "magnus"),
    (magnus("a: {type: task, command: m.f, returns: [{name: x}], next: success}"), "runnable"),
    (magnus(f"a: {{type: parallel, next: success, branches: {{b: {branch(f's: {S}')}}}}}"), "magnus"),
    (magnus("a: {type: stub, returns: [x], next: success}"), "magnus"),
    (magnus("a: {type: as-is, next: success}"), "magnus"),
    (magnus("a: {type: task, command: m.f, catalog: {store_copy: true}, next: success}"), "runnable"),
    (magnus("a: {type: task, command: m.f, node_name: a, next: success}"), "magnus"),
    (
        magnus(
            f"a: {{type: map, is_composite: true, iterate_on: x, iterate_as: y, next: success, branch: {branch(S2)}}}"
        ),
        "runnable",
    ),
]


@pytest.mark.parametrize(("text", "dialect"), FILES)
def test_detection(text, dialect):
    loaded = load_text(text, "x.yaml")
    assert loaded.names == ("x",) or not loaded.diagnostics.ok
    assert [pipeline.dialect for pipeline in loaded.pipelines] in ([dialect], [])
    if dialect == "runnable" or loaded.diagnostics.ok:
        assert loaded.choose().dialect == dialect


def test_a_pipeline_in_python_is_not_a_file_to_translate():
    (only,) = load_text("import magnus", "parallel.py").diagnostics
    assert (only.code, only.message) == ("not-yaml", "a Python file, not a pipeline in YAML")
    assert "'Pipelines in Python' in docs/magnus.md" in (only.hint or "")
