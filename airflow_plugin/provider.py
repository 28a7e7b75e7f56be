"""Describe the provider for ``airflow providers list`` and the configuration reference, without importing Airflow."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

DISTRIBUTION = "pipeline-translator"
DESCRIPTION = "Runs ML pipelines of Valohai, Loom, Magnus and runnable, compiled to DAGs by ``translate``."
_LANGUAGES = {
    "Loom": "https://pypi.org/project/loom-pipeline/",
    "Magnus": "https://pypi.org/project/magnus/",
    "runnable": "https://astrazeneca.github.io/runnable/",
    "Valohai": "https://docs.valohai.com",
}
_DATAFLOW = ("Loom", "Valohai")
_DATAFLOW_MODULES = (
    "airflow_plugin.dataflow.step",
    "airflow_plugin.dataflow.grid",
    "airflow_plugin.dataflow.ask",
    "airflow_plugin.dataflow.actions",
    "airflow_plugin.dataflow.approval",
    "airflow_plugin.dataflow.gate",
    "airflow_plugin.dataflow.finish",
)
_CONTROLFLOW = ("Magnus", "runnable")
_CONTROLFLOW_MODULES = (
    "airflow_plugin.controlflow.steps",
    "airflow_plugin.controlflow.composites",
    "airflow_plugin.controlflow.finish",
)


def get_provider_info() -> dict[str, Any]:
    """Return the provider's metadata in Airflow's schema ``provider_info``."""
    return {
        "package-name": DISTRIBUTION,
        "name": "Pipeline translator",
        "description": DESCRIPTION,
        "versions": [version(DISTRIBUTION)],
        "integrations": [
            {"integration-name": name, "external-doc-url": url, "tags": ["software"]}
            for name, url in _LANGUAGES.items()
        ],
        "operators": [
            {"integration-name": name, "python-modules": list(modules)}
            for names, modules in ((_DATAFLOW, _DATAFLOW_MODULES), (_CONTROLFLOW, _CONTROLFLOW_MODULES))
            for name in names
        ],
        "extra-links": ["airflow_plugin.console.links.OutputsLink", "airflow_plugin.console.links.ManifestLink"],
        "config": {
            "pipeline_translator": {
                "description": "The artifact store of translated pipelines.",
                "options": {
                    "store": {
                        "description": (
                            "URI of the artifact store: a directory that all workers share, or a URI of fsspec\n"
                            "(``s3://``, ``gs://``, ``abfs://``). Empty: the directory ``artifacts`` in AIRFLOW_HOME.\n"
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "s3://bucket/artifacts",
                        "default": "",
                    },
                },
            },
        },
    }
