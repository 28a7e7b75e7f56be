"""Pin what generated DAG files import from ``airflow_plugin``: it is public API, so removing a name breaks users."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("airflow.sdk")

GOLDENS = Path(__file__).parents[1] / "goldens" / "airflow"
PUBLIC = [
    "Action",
    "AskOperator",
    "Catalog",
    "ChoiceOperator",
    "ControlFlowFinishOperator",
    "ControlFlowStepOperator",
    "DeploymentOperator",
    "Distributed",
    "Distribution",
    "EndActionsOperator",
    "EndApprovalOperator",
    "Endpoint",
    "FileAxis",
    "FinishOperator",
    "GateOperator",
    "GridOperator",
    "GuardOperator",
    "Input",
    "ItemsOperator",
    "IterationOperator",
    "JoinOperator",
    "Objective",
    "Parameter",
    "Resources",
    "RunSensor",
    "Search",
    "StartActionsOperator",
    "StartApprovalOperator",
    "StartRunOperator",
    "Step",
    "StepOperator",
    "SummaryOperator",
    "complete",
    "dag_param",
    "deployer",
    "deployment",
    "earlier_node",
    "failed",
    "files_param",
    "for_each",
    "is_false",
    "is_true",
    "loom",
    "metadata",
    "output",
    "parameter",
    "runner",
    "same_input",
]


def loaded(program: str) -> set[str]:
    """Return the modules that a program has loaded at its end."""
    command = [sys.executable, "-c", f"{program}\nimport sys; print(*sys.modules)"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def test_public_names() -> None:
    import airflow_plugin

    assert sorted(airflow_plugin.__all__) == sorted(PUBLIC)
    assert set(PUBLIC) <= set(dir(airflow_plugin))
    for name in PUBLIC:
        assert getattr(airflow_plugin, name) is not None
    with pytest.raises(AttributeError, match="nothing_like_this"):
        airflow_plugin.nothing_like_this  # noqa: B018 - it is the attribute that is asked for


def test_no_public_name_is_one_of_airflows() -> None:
    import airflow.sdk
    from airflow.sdk.definitions import param

    assert not set(PUBLIC) & {*airflow.sdk.__all__, *vars(param)}


def test_dag_files_import_nothing_else_of_ours() -> None:
    files = sorted(GOLDENS.rglob("*.py"))
    used: set[str] = set()
    for file in files:
        allowed = {"airflow", "airflow_plugin", "datetime", "itertools", "pathlib", "zoneinfo"}
        if "settings" in file.relative_to(GOLDENS).parts:
            allowed.add("company")  # callbacks that translator.toml names
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                module = node.module or ""
                assert module.partition(".")[0] in allowed, file
                if module.partition(".")[0] == "airflow_plugin":
                    assert module == "airflow_plugin", file
                    used |= {alias.name for alias in node.names}
    # Only a pipeline that was not read from a file runs over files without Loom's words for it; a runner and resources
    # come from the platform team's settings.
    assert used >= set(PUBLIC) - {"FileAxis", "Resources", "runner"}


def test_names_are_loaded_when_they_are_used() -> None:
    assert "airflow" not in loaded("import airflow_plugin.provider")
    value_types = loaded("from airflow_plugin import Step, Parameter")
    assert "airflow" not in value_types
    dataflow = loaded("from airflow_plugin import StepOperator, FinishOperator, output")
    assert not {name for name in dataflow if name.startswith("airflow_plugin.controlflow")}
    assert not {"translator.shim.execution", "fsspec", "jsonschema", "valohai_yaml"} & dataflow - loaded(
        "import airflow.sdk, airflow.sdk.definitions.dag"
    )
