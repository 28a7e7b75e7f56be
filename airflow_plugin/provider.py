"""Describe the provider for ``airflow providers list`` and the configuration reference, without importing Airflow."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

DISTRIBUTION = "pipeline-translator"
DESCRIPTION = "Runs ML pipelines of Valohai, Loom, Magnus and runnable, compiled to DAGs by ``translate``."


def get_provider_info() -> dict[str, Any]:
    """Return the provider's metadata in Airflow's schema ``provider_info``."""
    return {
        "package-name": DISTRIBUTION,
        "name": "Pipeline translator",
        "description": DESCRIPTION,
        "versions": [version(DISTRIBUTION)],
        "integrations": [
            {
                "integration-name": "Valohai pipelines",
                "external-doc-url": "https://docs.valohai.com",
                "tags": ["software"],
            },
            {
                "integration-name": "Magnus pipelines",
                "external-doc-url": "https://astrazeneca.github.io/runnable/",
                "tags": ["software"],
            },
        ],
        "operators": [
            {
                "integration-name": "Valohai pipelines",
                "python-modules": [
                    "airflow_plugin.dataflow.step",
                    "airflow_plugin.dataflow.grid",
                    "airflow_plugin.dataflow.gate",
                    "airflow_plugin.dataflow.finish",
                ],
            },
            {
                "integration-name": "Magnus pipelines",
                "python-modules": [
                    "airflow_plugin.controlflow.steps",
                    "airflow_plugin.controlflow.composites",
                    "airflow_plugin.controlflow.finish",
                ],
            },
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
