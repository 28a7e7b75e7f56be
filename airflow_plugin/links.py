"""Links of a task instance: where its execution's outputs and its manifest are.

The plugin registers them for ``StepOperator``, so they are made by the API server when somebody looks, also while a
task runs and after it failed; a link of the operator's own would cost every task a message to that server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from airflow.sdk import BaseOperator, BaseOperatorLink

from airflow_plugin.nodes import PARTS
from airflow_plugin.operators.step import StepOperator
from airflow_plugin.routed import JoinOperator
from airflow_plugin.routed import StepOperator as RoutedStepOperator
from airflow_plugin.routed.links import is_routed, node_of
from airflow_plugin.settings import store_uri
from translator.shim.store import key_of, open_store

if TYPE_CHECKING:
    from airflow.sdk.types import TaskInstanceKey


class OutputsLink(BaseOperatorLink):
    """The folder of the execution's outputs."""

    name = "Outputs"
    operators: ClassVar[list[type[BaseOperator]]] = [StepOperator, RoutedStepOperator]

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """The folder's URI."""
        return _uri(operator, ti_key, "outputs")


class ManifestLink(BaseOperatorLink):
    """The execution's manifest: parameters, metadata, digests of inputs and outputs."""

    name = "Manifest"
    operators: ClassVar[list[type[BaseOperator]]] = [StepOperator, RoutedStepOperator, JoinOperator]

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """The manifest's URI."""
        return _uri(operator, ti_key, "manifest.json")


LINKS = (OutputsLink(), ManifestLink())


def _uri(operator: BaseOperator, ti_key: TaskInstanceKey, name: str) -> str:
    """Where a file of the try is; the operator is the one that Airflow has stored, without most of its arguments."""
    if is_routed(operator):
        node, index = node_of(operator, ti_key), 0
    else:
        node, index = _node(operator), max(ti_key.map_index, 0)
    key = key_of(operator.dag.dag_display_name, ti_key.run_id, node, index, ti_key.try_number, name)
    return open_store(store_uri()).uri(key)


def _node(operator: BaseOperator) -> str:
    """The node's name: what is shown for it, else its id without the groups that hold several nodes."""
    group = operator.task_group
    own, shown = operator.task_id, operator.task_display_name
    if group is not None and group.group_id and operator.label in PARTS:
        own, shown = group.group_id, group.group_display_name
    return shown if shown and shown != own else own.rpartition(".")[2]
