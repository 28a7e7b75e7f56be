"""Where a run's artifacts, its project and its name come from."""

from __future__ import annotations

import os
from pathlib import Path

from airflow.providers.common.compat.sdk import conf

SECTION = "pipeline_translator"
RUN = "TRANSLATOR_RUN"
"""Environment variable with the run's name in the store, where a command named the run before Airflow did."""


def store_uri() -> str:
    """The artifact store: ``TRANSLATOR_STORE``, else ``[pipeline_translator] store``, else a folder in AIRFLOW_HOME."""
    configured = os.environ.get("TRANSLATOR_STORE") or conf.get(SECTION, "store", fallback="")
    return configured or str(Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "artifacts")


def project_folder(folder: str | Path) -> Path:
    """The folder of the source file: ``TRANSLATOR_PROJECT``, else what the DAG file says."""
    return Path(os.environ.get("TRANSLATOR_PROJECT") or folder)
