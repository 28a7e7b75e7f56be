"""Pin what generated flows may import: it is public API, so removing a name breaks existing flows."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("prefect")

import prefect_plugin

GOLDENS = sorted((Path(__file__).parents[1] / "goldens" / "prefect").rglob("*.py"))
NAMES = [
    "Action",
    "ApprovalRules",
    "ArtifactStore",
    "Axis",
    "Catalog",
    "Distributed",
    "Distribution",
    "Endpoint",
    "Executions",
    "FileAxis",
    "Files",
    "Input",
    "Job",
    "Manifest",
    "Mapped",
    "NodeInputs",
    "NodeParameters",
    "Number",
    "Objective",
    "Parameter",
    "Resources",
    "Search",
    "Skip",
    "Step",
    "Token",
    "again",
    "as_written",
    "branch",
    "choice_node",
    "chosen",
    "deployer",
    "deployment",
    "earlier_node",
    "execution",
    "execution_node",
    "fail",
    "failed",
    "finish",
    "finish_graph",
    "infrastructure_failed",
    "items",
    "loom",
    "loop_node",
    "map_node",
    "parallel_node",
    "record_crash",
    "run_each",
    "run_of",
    "run_of_graph",
    "runner",
    "skip",
    "step_node",
    "succeed",
    "task_node",
    "thread_pool",
]
SIGNATURES = {
    "execution_node": "name on_error retries joins actions approval tags options",
    "task_node": "name on_error on_child_error stop_condition max_workers task_runner actions approval tags options",
    "run_of": "pipeline project project_name catalogue git_remote store store_block input_blocks max_workers"
    " parameters reuse reuse_nodes",
    "finish": "",
    "skip": "reason",
    "run_of_graph": "pipeline dialect project nodes store store_block parameters starts_after earlier_run",
    "finish_graph": "token",
    "step_node": "step retries tags options",
    "branch": "name nodes",
    "parallel_node": "name branches",
    "map_node": "name body item reducer max_workers",
    "loop_node": "name body index",
    "choice_node": "name cases",
    "failed": "token",
    "succeed": "token",
    "fail": "token",
    "items": "token over",
    "chosen": "token on",
    "again": "token until",
    "thread_pool": "max_workers",
}
METHODS = {
    "Job": {
        "run": "form values",
        "grid": "form values search",
        "files": "form values",
        "__init__": "step inputs input_edges edge_merge_mode environment_edges",
    },
    "Executions": {
        "outputs": "pattern",
        "inputs": "pattern",
        "parameter": "name default",
        "metadata": "key default",
    },
}


def parameters(function):
    return " ".join(name for name in inspect.signature(function).parameters if name != "self")


def test_the_names():
    assert prefect_plugin.__all__ == NAMES
    assert all(getattr(prefect_plugin, name) is not None for name in NAMES)


def test_their_arguments():
    assert {name: parameters(getattr(prefect_plugin, name)) for name in SIGNATURES} == SIGNATURES
    found = {
        owner: {name: parameters(getattr(getattr(prefect_plugin, owner), name)) for name in methods}
        for owner, methods in METHODS.items()
    }
    assert found == METHODS


def test_generated_flows_import_nothing_else_of_ours():
    used = set()
    for golden in GOLDENS:
        for node in ast.walk(ast.parse(golden.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                assert not node.module.startswith(("translator", "prefect_plugin.")), golden
                used |= {alias.name for alias in node.names} if node.module == "prefect_plugin" else set()
    # People choose the block in the UI, and only a pipeline that was not read from a file has a FileAxis.
    assert used == set(NAMES) - {"ArtifactStore", "FileAxis"}


def test_the_package_imports_neither_prefect_nor_the_shim_before_a_name_is_used():
    program = "import sys, prefect_plugin; print(*(m for m in sys.modules if m.startswith(('prefect.', 'translator'))))"
    assert subprocess.check_output([sys.executable, "-c", program], text=True).split() == []
