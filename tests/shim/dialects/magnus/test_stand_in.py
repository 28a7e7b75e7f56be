"""Test the module that stands in for ``magnus`` if it is not installed."""

from __future__ import annotations

import pytest

from translator.shim.contract import Context, ExecutionId, Scope, Step
from translator.shim.execution import execute

MODULE = """
from magnus import Pipeline, Task
def greet(): print("hello")
def build(): Pipeline(steps=[Task(name="greet", command="fns.greet")])
if __name__ == "__main__": build()
"""


@pytest.mark.parametrize(("function", "state"), [("greet", "complete"), ("build", "error")])
def test_functions_beside_code_that_builds_a_pipeline(tmp_path, function, state) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "fns.py").write_text(MODULE)
    context = Context(ExecutionId("p", "r", "n"), str(tmp_path / "store"), tmp_path / "project", "prefect", print)
    step = Step("s", [f"fns.{function}"], dialect="magnus", kind="python")
    manifest = execute(step, context, scope=Scope())
    assert manifest.state == state
    assert manifest.reason is None or "magnus.Task builds pipelines, which a step" in manifest.reason
