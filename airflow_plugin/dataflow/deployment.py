"""Define the operator that deploys a new version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_plugin.dataflow.step import StepOperator

if TYPE_CHECKING:
    from translator.shim.contract import Step


class DeploymentOperator(StepOperator):
    """An operator that deploys a new version, waits until it is healthy, and moves its aliases.

    If it fails, no alias has moved. Its metadata are ``id``, the deployment, and ``version_id``, the new version.

    Args:
        deployment: what it deploys.
        kwargs: of every ``StepOperator``.
    """

    ui_color = "#e3f1df"

    def __init__(self, *, deployment: Step, **kwargs: Any) -> None:
        super().__init__(step=deployment, **kwargs)
        self.deployment = deployment
