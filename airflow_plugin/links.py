"""Links of a task instance: where its execution's outputs and its manifest are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseOperatorLink

from airflow_plugin.settings import store_uri

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey


class OutputsLink(BaseOperatorLink):
    """The folder of the execution's outputs."""

    name = "Outputs"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - Airflow's signature
        """The folder's URI, or an empty one if the execution never began."""
        folder = _folder(operator)
        return f"{folder}/outputs" if folder else ""


class ManifestLink(BaseOperatorLink):
    """The execution's manifest: parameters, metadata, digests of inputs and outputs."""

    name = "Manifest"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - Airflow's signature
        """The manifest's URI, or an empty one if the execution never began."""
        folder = _folder(operator)
        return f"{folder}/manifest.json" if folder else ""


LINKS = (OutputsLink(), ManifestLink())


def _folder(operator: BaseOperator) -> str | None:
    """The folder of the try that ``operator`` has just run; Airflow asks in the task's own process."""
    from translator.shim.store import open_store

    execution = getattr(operator, "execution", None)
    if execution is None:
        return None
    return open_store(store_uri()).location(
        execution.pipeline, execution.run, execution.node, execution.index, execution.attempt
    )
