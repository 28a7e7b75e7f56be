"""The Airflow plugin: makes the operators' links known to the webserver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowPlugin

from airflow_plugin.links import LINKS

if TYPE_CHECKING:
    from airflow.sdk import BaseOperatorLink


class PipelineTranslatorPlugin(AirflowPlugin):
    """Registered as ``pipeline_translator`` by entry point ``airflow.plugins``."""

    name = "pipeline_translator"
    operator_extra_links: ClassVar[list[BaseOperatorLink | Any]] = list(LINKS)
