"""Register the Airflow plugin: links for operators, pages for the API server, and listeners for changes of runs."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from airflow.providers.common.compat.sdk import AirflowPlugin

from airflow_plugin.console import PREFIX, Console
from airflow_plugin.console.links import LINKS
from airflow_plugin.recovery import listener
from translator.shim import run_contract

# Load these modules here, not in tasks: executors fork the processes of tasks from one that has loaded plugins.
for module in (
    "airflow_plugin.controlflow.composites",
    "airflow_plugin.controlflow.finish",
    "airflow_plugin.dataflow.actions",
    "airflow_plugin.dataflow.gate",
    "airflow_plugin.dataflow.grid",
    "airflow_plugin.dataflow.upstream",
    "translator.shim.execution",
    "valohai_yaml.commands",
):
    import_module(module)
for dialect in run_contract.own_dialects():
    run_contract.load(dialect)


class PipelineTranslatorPlugin(AirflowPlugin):
    """The plugin ``pipeline_translator``, registered by entry point ``airflow.plugins``."""

    name = "pipeline_translator"
    operator_extra_links: list[Any] = list(LINKS)  # noqa: RUF012 - as the base class declares it
    listeners: list[Any] = [listener]  # noqa: RUF012 - as the base class declares it
    fastapi_apps: list[Any] = [{"app": Console(), "url_prefix": PREFIX, "name": name}]  # noqa: RUF012
