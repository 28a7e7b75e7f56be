"""Test that the files which Magnus and runnable write for pipelines in Python are translated without findings.

The engines write them with the script of docs/magnus.md, each in its own environment.
"""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.oracle.engines import ROOT, python_of
from translator import ir
from translator.load import load

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PIPELINES = {
    "magnus": """
from magnus import Catalog, Map, Parallel, Pipeline, Stub, Task

def main():
    prepare = Stub(name="Prepare for XGBoost")
    train = Stub(name="Train XGBoost", terminate_with_success=True)
    prepare >> train
    xgboost = Pipeline(steps=[prepare, train], start_at=prepare)
    forest = Task(name="Train RF", command="echo > rf.model", command_type="shell", catalog=Catalog(put=["*.model"]),
                  terminate_with_success=True)
    item = Task(name="count", command="parallel.count", terminate_with_success=True)
    models = Parallel(name="Train Models", branches={
        "XGBoost": xgboost, "RF Model": Pipeline(steps=[forest], start_at=forest)})
    items = Map(name="each", iterate_on="xs", iterate_as="x", branch=Pipeline(steps=[item], start_at=item))
    handle = Stub(name="handle", terminate_with_success=True)
    infer = Task(name="Run Inference", command="cat rf.model", command_type="shell", terminate_with_success=True,
                 catalog=Catalog(get=["*.model"]), on_failure="handle")
    models >> items >> infer
    Pipeline(steps=[models, items, infer, handle], start_at=models).execute(parameters_file="p.yaml")

def count(x: int):
    print(x)
""",
    "runnable": """
from runnable import Catalog, Conditional, Loop, Map, Parallel, Pipeline, PythonTask, ShellTask, Stub

def count(x: int):
    return x

def pipelines():
    xgboost = Pipeline(steps=[Stub(name="Prepare for XGBoost"), Stub(name="Train XGBoost")])
    forest = ShellTask(name="Train RF", command="echo > rf.model", catalog=Catalog(put=["*.model"])).as_pipeline()
    item = PythonTask(name="count", function=count, returns=["y"]).as_pipeline()
    models = Parallel(name="Train Models", branches={"XGBoost": xgboost, "RF Model": forest})
    items = Map(name="each", iterate_on="xs", iterate_as="x", branch=item)
    choice = Conditional(name="choose", parameter="way", branches={"a": Stub(name="A").as_pipeline()})
    again = PythonTask(name="again", function=count, returns=["x"]).as_pipeline()
    loop = Loop(name="repeat", branch=again, max_iterations=3, break_on="x", index_as="i")
    infer = ShellTask(name="Run Inference", command="cat rf.model", catalog=Catalog(get=["*.model"]),
                      on_failure=Stub(name="handle").as_pipeline())
    Pipeline(steps=[models, items, choice, loop, infer]).execute(parameters_file="p.yaml")

if __name__ == "__main__":
    pipelines()
""",
}
STEPS = {
    "magnus": [
        ("Prepare for XGBoost", "stub", ()),
        ("Train XGBoost", "stub", ()),
        ("Train RF", "shell", ("echo > rf.model",)),
        ("count", "python", ("parallel.count",)),
        ("Run Inference", "shell", ("cat rf.model",)),
        ("handle", "stub", ()),
    ],
    "runnable": [
        ("Prepare for XGBoost", "stub", ()),
        ("Train XGBoost", "stub", ()),
        ("Train RF", "shell", ("echo > rf.model",)),
        ("count", "python", ("parallel.count",)),
        ("A", "stub", ()),
        ("again", "python", ("parallel.count",)),
        ("Run Inference", "shell", ("cat rf.model",)),
        ("handle", "stub", ()),
    ],
}


@pytest.mark.parametrize("engine", list(PIPELINES))
def test_the_engine_writes_a_file_that_is_translated(engine: str, tmp_path: Path) -> None:
    if not python_of(engine).exists():
        pytest.skip(f"{engine} is not installed")
    page = (ROOT / "docs" / "magnus.md").read_text()
    script = re.search(r"## Pipelines in Python\n.*?```python\n(.*?)```", page, re.DOTALL)
    assert script is not None
    text = script[1].replace("from magnus import", f"from {engine} import")
    (tmp_path / "to_yaml.py").write_text(text)
    (tmp_path / "parallel.py").write_text(PIPELINES[engine])
    function = "main" if engine == "magnus" else "pipelines"
    command = [str(python_of(engine)), "to_yaml.py", "parallel", function]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    (tmp_path / "p.yaml").write_text("{xs: [1, 2], x: 3, way: a}")
    loaded = load(tmp_path / "pipeline.yaml", parameters=tmp_path / "p.yaml")
    assert [str(one) for one in loaded.diagnostics] == []
    assert loaded.dialect == engine
    pipeline = loaded.choose()
    assert [(step.name, step.kind.value, step.command) for step in steps(pipeline.graph)] == STEPS[engine]
    (last,) = (node for node in pipeline.nodes if node.name == "Run Inference")
    assert {route.outcome.value: route.target for route in last.policy.routes}["error"] == "handle"


def steps(graph: ir.Graph | None) -> Iterator[ir.Step]:
    """Yield the steps of a graph and of its branches, in the order of the file."""
    assert graph is not None
    for node in graph.nodes:
        match node:
            case ir.ExecutionNode():
                yield node.step
            case ir.ParallelNode():
                for branch in node.branches.values():
                    yield from steps(branch)
            case ir.ChoiceNode():
                for branch in node.cases.values():
                    yield from steps(branch)
            case ir.MapNode() | ir.LoopNode():
                yield from steps(node.body)
