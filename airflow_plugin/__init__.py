"""Provide the operators and value types of generated DAG files, and the provider and plugin that Airflow finds.

The names in ``__all__`` are public API. Generated DAG files import only these names from this distribution, so the
names and their arguments stay as they are until a major release.

Names are loaded on first use: ``airflow_plugin.provider`` works without importing Airflow, and a DAG file loads only
the operators that it uses.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_plugin.controlflow.composites import (
        ChoiceOperator,
        GuardOperator,
        ItemsOperator,
        IterationOperator,
        JoinOperator,
    )
    from airflow_plugin.controlflow.finish import ControlFlowFinishOperator
    from airflow_plugin.controlflow.groups import for_each
    from airflow_plugin.controlflow.steps import ControlFlowStepOperator
    from airflow_plugin.dag.references import (
        complete,
        earlier_node,
        failed,
        is_false,
        is_true,
        metadata,
        output,
        parameter,
        same_input,
    )
    from airflow_plugin.dataflow.actions import EndActionsOperator, StartActionsOperator
    from airflow_plugin.dataflow.approval import EndApprovalOperator, StartApprovalOperator
    from airflow_plugin.dataflow.ask import AskOperator
    from airflow_plugin.dataflow.deployment import DeploymentOperator
    from airflow_plugin.dataflow.finish import FinishOperator
    from airflow_plugin.dataflow.gate import GateOperator
    from airflow_plugin.dataflow.grid import GridOperator
    from airflow_plugin.dataflow.step import StepOperator
    from airflow_plugin.matrix.operators import RunSensor, StartRunOperator, SummaryOperator
    from airflow_plugin.parameters.dag_params import dag_param
    from airflow_plugin.parameters.files_param import files_param
    from translator.shim import loom
    from translator.shim.contract import (
        Action,
        Catalog,
        Distributed,
        Distribution,
        Endpoint,
        FileAxis,
        Input,
        Objective,
        Parameter,
        Resources,
        Search,
        Step,
        deployer,
        deployment,
        runner,
    )

__all__ = [
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

_MODULES = {
    "airflow_plugin.controlflow.composites": (
        "ChoiceOperator",
        "GuardOperator",
        "ItemsOperator",
        "IterationOperator",
        "JoinOperator",
    ),
    "airflow_plugin.controlflow.finish": ("ControlFlowFinishOperator",),
    "airflow_plugin.controlflow.groups": ("for_each",),
    "airflow_plugin.controlflow.steps": ("ControlFlowStepOperator",),
    "airflow_plugin.dataflow.actions": ("EndActionsOperator", "StartActionsOperator"),
    "airflow_plugin.dataflow.approval": ("EndApprovalOperator", "StartApprovalOperator"),
    "airflow_plugin.dataflow.ask": ("AskOperator",),
    "airflow_plugin.dataflow.deployment": ("DeploymentOperator",),
    "airflow_plugin.dataflow.finish": ("FinishOperator",),
    "airflow_plugin.dataflow.gate": ("GateOperator",),
    "airflow_plugin.dataflow.grid": ("GridOperator",),
    "airflow_plugin.dataflow.step": ("StepOperator",),
    "airflow_plugin.matrix.operators": ("RunSensor", "StartRunOperator", "SummaryOperator"),
    "airflow_plugin.parameters.dag_params": ("dag_param",),
    "airflow_plugin.parameters.files_param": ("files_param",),
    "airflow_plugin.dag.references": (
        "complete",
        "earlier_node",
        "failed",
        "is_false",
        "is_true",
        "metadata",
        "output",
        "parameter",
        "same_input",
    ),
    "translator.shim": ("loom",),
    "translator.shim.contract": (
        *(
            "Action",
            "Catalog",
            "Distributed",
            "Distribution",
            "Endpoint",
            "FileAxis",
            "Input",
            "Objective",
            "Parameter",
            "Resources",
            "Search",
            "Step",
        ),
        *("deployer", "deployment", "runner"),
    ),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
