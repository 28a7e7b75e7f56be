"""Define the links of a task instance to its execution's outputs, log and manifest.

The plugin registers the links for the operators, so the API server creates them when somebody looks. They work while a
task runs and after it failed; a link set by the operator would cost each task a request to that server. The links
lead to ``airflow_plugin.console``, because the UI only shows links to web pages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from airflow.sdk import BaseOperator, BaseOperatorLink

from airflow_plugin.console import url_of
from airflow_plugin.controlflow.composites import JoinOperator
from airflow_plugin.controlflow.steps import ControlFlowStepOperator
from airflow_plugin.dataflow.deployment import DeploymentOperator
from airflow_plugin.dataflow.step import StepOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import TaskInstanceKey


class OutputsLink(BaseOperatorLink):
    """The page of the execution: its outputs and its log."""

    name = "Outputs"
    operators: ClassVar[list[type[BaseOperator]]] = [StepOperator, DeploymentOperator, ControlFlowStepOperator]

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - as Airflow calls it
        """Return the page's URL."""
        return url_of(ti_key)


class ManifestLink(BaseOperatorLink):
    """The execution's manifest: parameters, metadata, digests of inputs and outputs."""

    name = "Manifest"
    operators: ClassVar[list[type[BaseOperator]]] = [
        StepOperator,
        DeploymentOperator,
        ControlFlowStepOperator,
        JoinOperator,
    ]

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - as Airflow calls it
        """Return the manifest's URL."""
        return url_of(ti_key, "manifest.json")


LINKS = (OutputsLink(), ManifestLink())
