"""Test which of the two languages is detected."""

import pytest

from tests.dialects.controlflow.marks import branch, magnus, runnable
from translator.load import load_text

S = "{type: stub, next: success}"

FILES = [
    (magnus(f"a: {S}"), "magnus"),
    (runnable(f"a: {S}"), "runnable"),
    (runnable("a: {type: task, command_type: shell, command: 'export MAGNUS_PRM_x=1', next: success}"), "magnus"),
    (magnus("a: {type: task, command: m.f, returns: [{name: x}], next: success}"), "runnable"),
    (magnus(f"a: {{type: parallel, next: success, branches: {{b: {branch(f's: {S}')}}}}}"), "magnus"),
    (magnus("a: {type: stub, returns: [x], next: success}"), "magnus"),
    (magnus("a: {type: as-is, next: success}"), "magnus"),
    (magnus("a: {type: task, command: m.f, catalog: {store_copy: true}, next: success}"), "runnable"),
]


@pytest.mark.parametrize(("text", "dialect"), FILES)
def test_detection(text, dialect):
    loaded = load_text(text, "x.yaml")
    assert loaded.names == ("x",) or not loaded.diagnostics.ok
    assert [pipeline.dialect for pipeline in loaded.pipelines] in ([dialect], [])
    if dialect == "runnable" or loaded.diagnostics.ok:
        assert loaded.choose().dialect == dialect
